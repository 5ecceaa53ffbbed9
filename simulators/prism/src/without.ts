/** A copy of a record that lacks some of its members. */
export function without<T extends object, K extends keyof T>(record: T, ...names: readonly K[]): Omit<T, K> {
  const copy = { ...record };
  for (const name of names) delete copy[name];
  return copy;
}
