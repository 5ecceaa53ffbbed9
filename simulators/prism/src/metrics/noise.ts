/** Every sample stands on a grid of this many milliseconds. Source: recorded samples of pc.7.3. */
export const SAMPLE_MS = 30_000;

export const alignedDown = (ms: number): number => Math.floor(ms / SAMPLE_MS) * SAMPLE_MS;

/** A number from 0 up to 1 that is always the same for the same two numbers. */
export function noise(seed: number, step: number): number {
  let x = (seed ^ Math.imul(step, 0x9e3779b1)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}

/** Moves smoothly between -1 and 1 with a period of its own for every seed, so that charts look lived in. */
export function wave(seed: number, ms: number): number {
  const period = (20 + (seed % 60)) * 60_000;
  return Math.sin((2 * Math.PI * (ms + seed)) / period);
}
