import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { callFaults, callOf, faultyActs, knobCases, muchLaterMs, type FaultyAct } from './testing/fault-cases.ts';
import { SimulatedWorkstation } from './testing/simulated-workstation.ts';
import { Strike, type Blow } from './testing/strike.ts';
import { lateFallsWhenStruck } from './testing/struck-calls.ts';
import { TestTimer } from './testing/test-timer.ts';
import { Together } from './testing/together.ts';

/** Whoever waits for an effect here is to see it; what is killed here ends at once. */
const patience = { tries: 3, retryMs: 20, effectMs: 60_000 };
const cellMs = 120_000;
const atOnce = 3;

describe('a Workstation that misbehaves', () => {
  let models: SimulatedWorkstation;
  let model = '';
  const together = new Together(atOnce);

  beforeAll(async () => {
    models = new SimulatedWorkstation();
    model = await models.foreignVm(models.folder, 'model', {}, true);
  });
  afterAll(async () => {
    await together.close();
    await models.close();
  });

  /** On a host of its own; deadlines fall for calls that were struck to be late, and for no others. */
  const strike = async (blow: Blow, isLate: boolean): Promise<void> => {
    const host = new SimulatedWorkstation();
    const timer = new TestTimer();
    let stop: (() => Promise<void>) | undefined;
    try {
      if (isLate) {
        host.clock.hold();
        const goesOn = blow.knobs['killedCall'] === 'goes-on';
        stop = lateFallsWhenStruck(host, timer, { goesOnAfterMs: goesOn ? muchLaterMs : undefined });
      } else {
        timer.fallFromNowOn(/^silence/);
      }
      const driver = await host.open({ patience, timer });
      await new Strike(host, driver, model).with(blow);
    } finally {
      await stop?.();
      await host.close();
    }
  };

  const cell = (blow: Blow, isLate: boolean) =>
    it(
      `strikes a ${blow.act}`,
      together.add(() => strike(blow, isLate)),
      atOnce * cellMs,
    );

  for (const { title, fault, acts = faultyActs, knobs, isLate = false, ends, except, says } of callFaults)
    describe(title, () => {
      for (const act of acts) {
        const faults = [{ command: callOf[act], ...fault }];
        cell({ act, knobs: { ...knobs, faults }, ends: except?.[act] ?? ends, says }, isLate);
      }
    });

  for (const { title, knobs, network, isLate = false, ends, says } of knobCases)
    describe(title, () => {
      for (const [act, end] of Object.entries(ends))
        cell({ act: act as FaultyAct, knobs, network, ends: end, says: end === 'well' ? undefined : says }, isLate);
    });
});
