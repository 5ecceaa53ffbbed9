/** The first few, and how many more there are. */
export function few<T>(items: readonly T[], most: number): { shown: readonly T[]; more: number } {
  // One more is no shorter than to say so.
  const isLong = items.length > most + 1;
  return { shown: isLong ? items.slice(0, most) : items, more: isLong ? items.length - most : 0 };
}

/** The beginning of a text, when it has many lines. */
export function beginning(text: string, lines: number, rest: string): string {
  const { shown, more } = few(text.trimEnd().split('\n'), lines);
  return [...shown, ...(more > 0 ? [`… ${more} more lines ${rest}`] : [])].join('\n');
}
