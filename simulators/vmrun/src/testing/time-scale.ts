/**
 * How much slower than written everything simulated is: with 0 all is there at once, with 10 the machine is a slow one. Tests
 * pass with either; what depends on an order of times holds the clock, and is not scaled.
 */
const timeScale = Number(process.env['POLYVIRT_TEST_TIME_SCALE'] ?? 1);

/** Knobs with every delay in them scaled; negative ones mean never. */
export function scaled<Value>(knobs: Value, isDelay = false): Value {
  if (typeof knobs === 'number') return (isDelay && knobs > 0 ? knobs * timeScale : knobs) as Value;
  if (Array.isArray(knobs)) return knobs.map((one: unknown) => scaled(one)) as Value;
  if (typeof knobs !== 'object' || knobs === null) return knobs;
  const entries = Object.entries(knobs).map(([name, value]) => [
    name,
    scaled<unknown>(value, isDelay || /Ms$/.test(name)),
  ]);
  return Object.fromEntries(entries) as Value;
}
