/** Longest time an answer is held back, in seconds. */
export const longestWaitSeconds = 60;

/**
 * Seconds to wait, from a `Prefer` header (RFC 7240), or nothing. The first `wait` counts; a preference that is not
 * understood is no error and is passed over.
 */
export function waitSecondsOf(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  for (const preference of [header].flat().join(',').split(',')) {
    const [name, value] = preference.split(';', 1)[0]!.split('=', 2);
    if (name?.trim().toLowerCase() !== 'wait') continue;
    const seconds = /^"?(\d{1,9})"?$/.exec(value?.trim() ?? '')?.[1];
    return seconds === undefined ? undefined : Math.min(Number(seconds), longestWaitSeconds);
  }
  return undefined;
}
