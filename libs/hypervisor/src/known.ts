/** Without the members that are not known: a reading has no zero where nothing was measured. */
export function known<Members extends Record<string, number | undefined>>(
  members: Members,
): { [Name in keyof Members]?: number } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Members]?: number;
  };
}
