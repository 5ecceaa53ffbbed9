import { describe, expect, it } from '@jest/globals';
import { ProblemError } from '@polyvirt/contracts';
import type { OperationContext } from './driver.ts';
import { ProblemGuard } from './problem-guard.ts';

class NativeError extends Error {}
const problem = new ProblemError('host-offline', 'It is away.');
const guard = new ProblemGuard((error) => (error instanceof NativeError ? problem : error));

class Facet {
  readonly kind = 'facet';
  #calls = 0;

  async count(by: number): Promise<number> {
    return (this.#calls += by);
  }

  async fail(): Promise<void> {
    throw new NativeError();
  }

  async make(input: string, { journal, progress }: OperationContext): Promise<string> {
    progress(50);
    const made = await journal.step({ name: `make ${input}`, act: async () => input, undo: () => this.fail() });
    await journal.step({ name: 'start it', act: () => this.fail() });
    return made;
  }
}

describe('ProblemGuard', () => {
  it('turns what the hypervisor throws into a problem, and passes on a bug and a result', async () => {
    await expect(guard.run(() => Promise.reject(new NativeError()))).rejects.toBe(problem);
    const bug = new TypeError('x is undefined');
    await expect(guard.run(() => Promise.reject(bug))).rejects.toBe(bug);
    await expect(guard.run(async () => 7)).resolves.toBe(7);
  });

  it('guards the methods of a facet, which keep their object', async () => {
    const facet = guard.facet(new Facet());
    expect(facet.kind).toBe('facet');
    await facet.count(2);
    await expect(facet.count(3)).resolves.toBe(5);
    await expect(facet.fail()).rejects.toBe(problem);
  });

  it('guards the steps of an operation and what takes them back, which the journal hears of first', async () => {
    const failed: unknown[] = [];
    const undos: (() => Promise<void>)[] = [];
    const context: OperationContext = {
      operationId: 'one',
      signal: new AbortController().signal,
      progress: () => undefined,
      journal: {
        step: async ({ act, undo }) => {
          if (undo) undos.push(() => undo(AbortSignal.timeout(1_000)));
          return act(false).catch((error: unknown) => {
            failed.push(error);
            throw error;
          });
        },
      },
    };
    await expect(guard.facet(new Facet()).make('a disk', context)).rejects.toBe(problem);
    expect(failed).toEqual([problem]);
    expect(undos).toHaveLength(1);
    await expect(undos[0]!()).rejects.toBe(problem);
  });
});
