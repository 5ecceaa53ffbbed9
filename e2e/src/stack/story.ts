import { afterAll, beforeAll, it } from '@jest/globals';
import { Stack, type StackOptions } from './stack.ts';

export type { Stack };

const startWithinMs = 600_000;
/** For one that hangs, on the slowest machine. */
const storyWithinMs = 300_000;

/**
 * Tells one thing a user does with a stack; a failure shows the logs of all services. The next story finds no fault armed, and
 * every service that runs now, however this one ends.
 */
export type Story = (name: string, tell: (stack: Stack) => Promise<void>, withinMs?: number) => void;

/** Starts a stack for the stories of a file, prepares what all of them look at, and removes it at the end. */
export function storiesOn(
  options: StackOptions | (() => Promise<StackOptions>),
  prepare: (stack: Stack) => Promise<void> = async () => undefined,
): Story {
  let stack: Stack | undefined;
  beforeAll(async () => {
    stack = await Stack.start(typeof options === 'function' ? await options() : options);
    try {
      await prepare(stack);
    } catch (error) {
      throw await stack.explain(error);
    }
  }, startWithinMs);
  afterAll(async () => {
    await stack?.stop();
  }, startWithinMs);
  return (name, tell, withinMs = storyWithinMs) => {
    it(
      name,
      async () => {
        if (!stack) throw new Error('the stack did not start');
        const running = stack.running;
        try {
          await tell(stack);
        } catch (error) {
          const told = await stack.explain(error);
          await stack.revive(running);
          throw told;
        } finally {
          await stack.disarm();
        }
      },
      withinMs,
    );
  };
}
