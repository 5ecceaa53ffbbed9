/** Saves what the page has made as a file. */
export function saveAs(name: string, content: Blob | string): void {
  const anchor = document.createElement('a');
  anchor.href = URL.createObjectURL(typeof content === 'string' ? new Blob([content]) : content);
  anchor.download = name;
  anchor.click();
  URL.revokeObjectURL(anchor.href);
}
