import { describe, expect, it } from '@jest/globals';
import { ProblemError } from '@polyvirt/contracts';
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
});
