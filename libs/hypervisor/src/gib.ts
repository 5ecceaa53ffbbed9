const bytesPerGiB = 2 ** 30;
/** A size is told to four decimals: finer than a megabyte, and without the noise of a division. */
const steps = 10_000;

/** Bytes as GiB; what is not empty is not told as zero. */
export function gibOf(bytes: number | bigint): number {
  const gib = Math.round((Number(bytes) / bytesPerGiB) * steps) / steps;
  return gib === 0 && bytes > 0 ? 1 / steps : gib;
}
