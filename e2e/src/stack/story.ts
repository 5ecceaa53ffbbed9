import { afterAll, beforeAll, it } from '@jest/globals';
import { Stack, type StackOptions } from './stack.ts';

const startWithinMs = 120_000;
const storyWithinMs = 60_000;

/** Tells one thing a user does with a stack; a failure shows the logs of all services. */
export type Story = (name: string, tell: (stack: Stack) => Promise<void>, withinMs?: number) => void;

/** Starts a stack for the stories of a file and removes it at the end. */
export function storiesOn(options: StackOptions | (() => Promise<StackOptions>)): Story {
  let stack: Stack | undefined;
  beforeAll(async () => {
    stack = await Stack.start(typeof options === 'function' ? await options() : options);
  }, startWithinMs);
  afterAll(async () => {
    await stack?.stop();
  }, startWithinMs);
  return (name, tell, withinMs = storyWithinMs) => {
    it(
      name,
      async () => {
        if (!stack) throw new Error('the stack did not start');
        try {
          await tell(stack);
        } catch (error) {
          throw await stack.explain(error);
        }
      },
      withinMs,
    );
  };
}
