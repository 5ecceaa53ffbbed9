import { afterAll, afterEach, beforeAll, describe, it } from '@jest/globals';
import { callFaults, callOf, faultyActs, knobCases, lateMs, type FaultyAct } from './testing/fault-cases.ts';
import { SimulatedWorkstation } from './testing/simulated-workstation.ts';
import { Strike, type Blow } from './testing/strike.ts';
import { Together } from './testing/together.ts';

/** Calls get so long that are to end well, on a machine that is busy with others, too. */
const callMs = 10_000;
const deadlines = { look: callMs, power: callMs, state: callMs, disk: callMs };
const patience = { tries: 3, retryMs: 20, effectMs: 5_000, lateMs: 400 };
/** As long as the work of a call that was killed may go on unseen here. */
const longestSilenceMs = 3_000;
const cellMs = 60_000;
/** Most of what a call that runs out of time takes is waiting. */
const atOnce = 6;

/** The kind of the call that carries an act out. */
const kindOf: Readonly<Record<FaultyAct, 'power' | 'state' | 'disk'>> = {
  create: 'disk',
  start: 'power',
  stop: 'power',
  clone: 'disk',
  snapshot: 'state',
  delete: 'disk',
};

describe('a Workstation that misbehaves', () => {
  let host: SimulatedWorkstation;
  let strike: Strike;
  let model = '';

  beforeAll(async () => {
    host = new SimulatedWorkstation();
    model = await host.foreignVm(host.folder, 'model', {}, true);
    strike = new Strike(host, await host.open({ deadlines, patience }), model);
  });
  afterAll(() => host.close());
  afterEach(() => host.set({}));

  /** On a host of its own, with a driver that waits less for the one call that does not end. */
  const strikeLate = async (blow: Blow): Promise<void> => {
    const ownHost = new SimulatedWorkstation();
    try {
      const goesOn = blow.knobs['killedCall'] === 'goes-on';
      const driver = await ownHost.open({
        deadlines: { ...deadlines, [kindOf[blow.act]]: lateMs },
        patience: { ...patience, ...(goesOn && { lateMs: longestSilenceMs }) },
      });
      await new Strike(ownHost, driver, model).with(blow);
    } finally {
      await ownHost.close();
    }
  };
  const together = new Together(atOnce);

  const cell = (blow: Blow, isLate: boolean) =>
    it(
      `strikes a ${blow.act}`,
      isLate ? together.add(() => strikeLate(blow)) : () => strike.with(blow),
      isLate ? atOnce * cellMs : cellMs,
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
