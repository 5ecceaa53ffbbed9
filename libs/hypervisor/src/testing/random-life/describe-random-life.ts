import { afterAll, beforeAll, describe, it } from '@jest/globals';
import type { Bench } from '../bench.ts';
import { Dice } from './dice.ts';
import { remove, verbsOf, type RandomVerb } from './verbs.ts';
import { refusalOf, World } from './world.ts';

export interface RandomLifeOptions {
  /** The same seed makes the same choices; 1 by default, so that a run that fails, fails again. */
  readonly seed?: number;
  /** 100 by default. */
  readonly steps?: number;
  /** How long all of it may take; 120 by default, and more for more steps. */
  readonly timeoutSeconds?: number;
}

const usualSeed = 1;
const usualSteps = 100;

/**
 * Random verbs on random VMs of one host, by the driver and by other tools. After each, no file that a VM uses is gone, none
 * that nobody uses is left without a word, and what the driver says is what an independent look sees. The environment variables
 * `POLYVIRT_TEST_SEED` and `POLYVIRT_TEST_STEPS` overrule the options.
 */
export function describeRandomLife(
  name: string,
  openBench: () => Promise<Bench>,
  options: RandomLifeOptions = {},
): void {
  const steps = numberFrom('POLYVIRT_TEST_STEPS') ?? options.steps ?? usualSteps;
  const seed = numberFrom('POLYVIRT_TEST_SEED') ?? options.seed ?? usualSeed;
  const timeoutMs = (options.timeoutSeconds ?? 120) * 1_000 * Math.max(1, steps / usualSteps);

  describe(`${name} in a random life`, () => {
    let world: World;

    beforeAll(async () => {
      const bench = await openBench();
      const driver = await bench.open();
      world = new World(bench, driver, await driver.probe(AbortSignal.timeout(timeoutMs)), new Dice(seed));
    }, timeoutMs);

    afterAll(async () => {
      await world?.odd?.mend();
      await world?.driver.close();
      await world?.bench.clean();
      await world?.bench.close();
    }, timeoutMs);

    it(
      `loses no file and leaves none, and says what is, for ${steps} steps`,
      async () => {
        const record: string[] = [];
        const verbs = verbsOf(world);
        try {
          for (let step = 1; step <= steps; step += 1) {
            await stepOf(world, verbs, (line) => (record[step - 1] = `${step}. ${line}`));
            const faults = await world.faults();
            if (faults.length > 0) throw new Error(faults.join('; '));
          }
          await empty(world);
        } catch (error) {
          throw new Error(replayOf(seed, steps, record), { cause: error });
        }
      },
      timeoutMs,
    );
  });
}

/** Does one of the verbs that there is something to do to. */
async function stepOf(world: World, verbs: readonly RandomVerb[], note: (line: string) => void): Promise<void> {
  for (let outcome: string | undefined; outcome === undefined;) {
    const verb = world.dice.weighted(verbs);
    note(verb.name);
    outcome = await verb.act(world).catch((error: unknown) => refusalOf(error, world));
    note(`${verb.name}: ${outcome ?? 'nothing to do it to'}`);
  }
}

/** What all of them used has to be gone with them; what was kept was told. */
async function empty(world: World): Promise<void> {
  await world.odd?.mend();
  world.odd = undefined;
  for (const vm of await world.look()) {
    if (['running', 'paused'].includes(vm.state))
      await world.run((driver, context) => driver.stop(vm.nativeId, { force: true, timeoutSeconds: 1 }, context));
    await remove(world, vm, 'delete');
    const faults = await world.faults();
    if (faults.length > 0) throw new Error(`at the end: ${faults.join('; ')}`);
  }
}

const replayOf = (seed: number, steps: number, record: readonly string[]): string =>
  [
    `The life of seed ${seed} went wrong at step ${record.length}. Again: POLYVIRT_TEST_SEED=${seed} POLYVIRT_TEST_STEPS=${steps} and the same test.`,
    ...record.slice(-30),
  ].join('\n');

function numberFrom(variable: string): number | undefined {
  const value = process.env[variable];
  return value === undefined || value === '' ? undefined : Number(value);
}
