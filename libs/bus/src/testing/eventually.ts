import { setTimeout as sleep } from 'node:timers/promises';

/** Repeats expectations until they hold; after the deadline the last failure is thrown. */
export async function eventually(expectations: () => void | Promise<void>, withinMs = 8_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      await expectations();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(20);
  }
}
