import { afterAll, beforeAll, describe } from '@jest/globals';
import type { Bench } from './bench.ts';
import { describeAdoption } from './behaviours/adoption.ts';
import { describeClone } from './behaviours/clone.ts';
import { describeCreate } from './behaviours/create.ts';
import { describeDelete } from './behaviours/delete.ts';
import { describeDisks } from './behaviours/disks.ts';
import { describeFeatures } from './behaviours/features.ts';
import { describeGuest } from './behaviours/guest.ts';
import { describeHost } from './behaviours/host.ts';
import { describeHardwareParts } from './behaviours/hardware-parts.ts';
import { describeImages } from './behaviours/images.ts';
import { describeInterruption } from './behaviours/interruption.ts';
import { describeNetworks } from './behaviours/networks.ts';
import { describeOwnership } from './behaviours/ownership.ts';
import { describePlans } from './behaviours/plans.ts';
import { describePower } from './behaviours/power.ts';
import { describeReconfigure } from './behaviours/reconfigure.ts';
import { describeSnapshots } from './behaviours/snapshots.ts';
import { describeStates } from './behaviours/states.ts';
import { describeUnknown } from './behaviours/unknown.ts';
import { describeUnreadable } from './behaviours/unreadable.ts';
import { writeReport } from './report.ts';
import { Suite } from './suite.ts';

export interface DescribeDriverOptions {
  /** How long one behaviour may take; a guest may have to boot in it. 60 by default. */
  readonly timeoutSeconds?: number;
  /** Where the report is written as JSON; without it none is. */
  readonly report?: string;
}

/**
 * The meaning of the driver contract: one list of behaviours, for every driver, without skips. A driver that lacks a facet
 * is held to saying why.
 */
export function describeDriver(
  name: string,
  openBench: () => Promise<Bench>,
  { timeoutSeconds = 60, report }: DescribeDriverOptions = {},
): void {
  const suite = new Suite(timeoutSeconds * 1_000);

  describe(`${name} as a HypervisorDriver`, () => {
    beforeAll(() => suite.open(openBench), suite.timeoutMs);

    afterAll(async () => {
      if (report !== undefined) {
        const { driver, rows, states } = suite;
        const { hypervisor, simulated } = driver;
        const status = await driver.probe(suite.signal());
        writeReport(report, { driver: name, hypervisor, simulated, status, rows, states });
      }
      await suite.close();
    }, suite.timeoutMs);

    describeHost(suite);
    describeUnknown(suite);
    describeUnreadable(suite);
    describeFeatures(suite);
    describeNetworks(suite);
    describeOwnership(suite);
    describeCreate(suite);
    describePower(suite);
    describeStates(suite);
    describeReconfigure(suite);
    describeDisks(suite);
    describeImages(suite);
    describeHardwareParts(suite);
    describePlans(suite);
    describeSnapshots(suite);
    describeClone(suite);
    describeDelete(suite);
    describeAdoption(suite);
    describeGuest(suite);
    describeInterruption(suite);
  });
}
