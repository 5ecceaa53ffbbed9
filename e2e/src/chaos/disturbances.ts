import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { identityOf, isSameProcess } from '@polyvirt/tools';
import type { PrivateDaemon } from '@polyvirt/node-libvirt/testing';

/** What is disturbed. */
export interface Surroundings {
  /** Process ids of the services that run now, by name. */
  processes(): Promise<Readonly<Record<string, number>>>;
  /** The small disk that everything is written to; absent where none could be mounted. */
  readonly disk: string | undefined;
  readonly libvirtd: PrivateDaemon | undefined;
  readonly random: () => number;
}

/** A way to disturb; the answer, if any, calms it again. */
export interface Disturbance {
  readonly name: string;
  /** A sentence about why this machine cannot have it. */
  whyNot?(around: Surroundings): string | undefined;
  strike(around: Surroundings): Promise<(() => Promise<void>) | undefined>;
}

const chunkBytes = 1_048_576;

const pick = <Item>(items: readonly Item[], random: () => number): Item | undefined =>
  items[Math.floor(random() * items.length)];

/** Stops a process from running, until it is calmed or somebody has ended it. */
function freeze(pid: number): () => Promise<void> {
  const identity = identityOf(pid);
  process.kill(pid, 'SIGSTOP');
  return async () => {
    if (identity && isSameProcess(identity)) process.kill(pid, 'SIGCONT');
  };
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

const services = async ({ processes }: Surroundings) =>
  Object.entries(await processes()).filter(([name]) => name !== 'nats-server');
const noDaemon = ({ libvirtd }: Surroundings) =>
  libvirtd ? undefined : 'there is no libvirtd of its own here, and that of the system is not ours to stop';

export const disturbances: readonly Disturbance[] = [
  {
    name: 'SIGKILL of a service',
    async strike(around) {
      const chosen = pick(await services(around), around.random);
      if (chosen) process.kill(chosen[1], 'SIGKILL');
      return undefined;
    },
  },
  {
    name: 'SIGSTOP of a service',
    async strike(around) {
      const chosen = pick(await services(around), around.random);
      return chosen && freeze(chosen[1]);
    },
  },
  {
    name: 'SIGKILL of the broker',
    async strike(around) {
      const pid = (await around.processes())['nats-server'];
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
      return undefined;
    },
  },
  {
    name: 'the broker is frozen',
    async strike(around) {
      const pid = (await around.processes())['nats-server'];
      return pid === undefined ? undefined : freeze(pid);
    },
  },
  {
    name: 'the disk is full',
    whyNot: ({ disk }) => (disk === undefined ? 'no small disk could be mounted: that takes root' : undefined),
    async strike({ disk }) {
      const ballast = join(disk!, 'ballast');
      await fill(ballast);
      return () => rm(ballast, { force: true });
    },
  },
  {
    name: 'SIGKILL of libvirtd',
    whyNot: noDaemon,
    async strike({ libvirtd }) {
      await libvirtd!.stop('SIGKILL');
      return () => libvirtd!.start();
    },
  },
  {
    name: 'libvirtd is frozen',
    whyNot: noDaemon,
    async strike({ libvirtd }) {
      libvirtd!.freeze();
      return async () => libvirtd!.thaw();
    },
  },
  {
    name: 'virtlogd is stopped',
    whyNot: () => 'a libvirtd of its own writes the logs of QEMU itself',
    strike: () => Promise.resolve(undefined),
  },
  {
    name: 'a clock is two minutes off',
    whyNot: () => 'services are not started under faketime yet',
    strike: () => Promise.resolve(undefined),
  },
];
