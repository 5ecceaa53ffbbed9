/** How a text may begin for cloud-init to know what to do with it, in lower case. */
export const userDataHeaders = [
  '#cloud-config',
  '#cloud-config-archive',
  '#cloud-boothook',
  '#include',
  '#include-once',
  '#part-handler',
  '#!',
] as const;

/** One that is made of the text below it first. */
export const jinjaHeader = /^##\s*template:\s*jinja[^\n]*\n/;

/** Whether a line says nothing but what follows it. */
export function isUserDataHeader(line: string): boolean {
  const word = line
    .replace(/^\uFEFF/, '')
    .trim()
    .toLowerCase();
  return userDataHeaders.some((header) => header === word) || /^##\s*template:\s*jinja$/.test(word);
}
