import { setTimeout as sleep } from 'node:timers/promises';

/** Repeats expectations until they hold. After a time that only what hangs takes, the last failure is thrown. */
export async function eventually<Result>(
  expectations: () => Result | Promise<Result>,
  withinMs = 30_000,
): Promise<Result> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await expectations();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(20);
  }
}
