/** True when the text matches the pattern, in any case; `*` stands for any run of characters, `?` for one. */
export function matchesGlob(pattern: string, candidate: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'is').test(candidate);
}
