const bytesPerGiB = 2 ** 30;
/** Six decimals, which is about a kilobyte: exact for what people ask for, and without the noise of a division. */
export const stepsPerGiB = 1_000_000;

/** Bytes as GiB; what is not empty is not told as zero. */
export function gibOf(bytes: number | bigint): number {
  const gib = Math.round((Number(bytes) / bytesPerGiB) * stepsPerGiB) / stepsPerGiB;
  return gib === 0 && bytes > 0 ? 1 / stepsPerGiB : gib;
}
