import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isSameProcess, type ProcessIdentity } from '@polyvirt/tools';
import type { Stage } from './stage.ts';

/** What is disturbed. */
export interface Surroundings {
  readonly stage: Stage;
  readonly random: () => number;
}

/** A way to disturb; the answer, if any, calms it again. */
export interface Disturbance {
  readonly name: string;
  /** A sentence about why this machine cannot have it. */
  whyNot?(stage: Stage): string | undefined;
  strike(around: Surroundings): Promise<(() => Promise<void>) | undefined>;
}

const chunkBytes = 1_048_576;
const clockOffMs = 120_000;
const broker = 'nats-server';
const daemons = ['libvirtd', 'virtlogd'];

/** It may have ended since it was seen. */
function send({ pid, startedAt }: ProcessIdentity, signal: NodeJS.Signals): void {
  if (isSameProcess({ pid, ...(startedAt !== undefined && { startedAt }) })) process.kill(pid, signal);
}

async function named(stage: Stage, name: string): Promise<ProcessIdentity | undefined> {
  return (await stage.processes()).get(name);
}

/** One of our own services. */
async function anyService({ stage, random }: Surroundings): Promise<[string, ProcessIdentity] | undefined> {
  const services = [...(await stage.processes())].filter(([name]) => name !== broker && !daemons.includes(name));
  return services.sort(([a], [b]) => (a < b ? -1 : 1))[Math.floor(random() * services.length)];
}

/** Stops a process from running, until it is calmed or somebody has ended it. */
function freeze(identity: ProcessIdentity | undefined): (() => Promise<void>) | undefined {
  if (!identity) return undefined;
  send(identity, 'SIGSTOP');
  return async () => send(identity, 'SIGCONT');
}

function kill(identity: ProcessIdentity | undefined): undefined {
  if (identity) send(identity, 'SIGKILL');
}

/** Writes to a file until there is no room left; a hole would take none. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (;;) await file.write(Buffer.alloc(chunkBytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
}

const notOurs = ({ isEnclosed }: Stage) =>
  isEnclosed ? undefined : 'the libvirt of this machine is not ours to disturb; one of its own takes root';

export const disturbances: readonly Disturbance[] = [
  {
    name: 'SIGKILL of a service',
    strike: async (around) => kill((await anyService(around))?.[1]),
  },
  {
    name: 'SIGSTOP of a service',
    strike: async (around) => freeze((await anyService(around))?.[1]),
  },
  {
    name: 'SIGKILL of the broker',
    strike: async ({ stage }) => kill(await named(stage, broker)),
  },
  {
    name: 'the broker is frozen',
    strike: async ({ stage }) => freeze(await named(stage, broker)),
  },
  {
    name: 'the disk is full',
    whyNot: ({ disk }) => (disk === undefined ? 'no small disk could be mounted: that takes root' : undefined),
    async strike({ stage: { disk } }) {
      const ballast = join(disk!, 'ballast');
      await fill(ballast);
      return () => rm(ballast, { force: true });
    },
  },
  {
    name: 'SIGKILL of libvirtd',
    whyNot: notOurs,
    strike: async ({ stage }) => kill(await named(stage, 'libvirtd')),
  },
  {
    name: 'libvirtd is frozen',
    whyNot: notOurs,
    strike: async ({ stage }) => freeze(await named(stage, 'libvirtd')),
  },
  {
    name: 'SIGKILL of virtlogd',
    whyNot: notOurs,
    strike: async ({ stage }) => kill(await named(stage, 'virtlogd')),
  },
  {
    name: 'virtlogd is frozen',
    whyNot: notOurs,
    strike: async ({ stage }) => freeze(await named(stage, 'virtlogd')),
  },
  {
    name: 'the clock of a service is two minutes off',
    async strike(around) {
      const { stage, random } = around;
      const chosen = await anyService(around);
      if (!chosen) return undefined;
      const [name] = chosen;
      const startedWith = async (aheadMs: number) => {
        await stage.setClock(name, aheadMs);
        kill(await named(stage, name));
      };
      await startedWith(random() < 0.5 ? clockOffMs : -clockOffMs);
      return () => startedWith(0);
    },
  },
];
