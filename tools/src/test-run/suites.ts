import { glob } from 'node:fs/promises';
import type { Purpose } from '../machine/packages.ts';
import { root } from '../places.ts';

/** What a machine may lack, as no part of Polyvirt needs it. */
export type Optional = 'powershell' | 'docker';

/** One Jest project of jest.config.mjs. */
export interface Suite {
  name: string;
  /** Ending of its files before `.ts`. */
  ending: string;
  /** What the system must have for it. */
  needs: readonly Purpose[];
  /** It runs programs from `dist/`, so that everything has to be built first. */
  built?: true;
  /** What the machine need not have: without it the suite is skipped, and says how to get it. */
  optional?: Optional;
  /** How many cores one of its workers keeps busy while it runs, with everything that its tests start. */
  load: number;
  /** How many files may run at once; by default as many as there is room for. */
  workers?: number;
  /** It begins when all else is over, and has the machine for itself. */
  last?: true;
  /** How long it takes alone on two cores, in seconds: what takes longest starts first. Only a hint. */
  seconds: number;
  /** When it takes longer it hangs. */
  timeoutMinutes: number;
}

export const SUITES: readonly Suite[] = [
  { name: 'unit', ending: 'spec', needs: [], load: 1, seconds: 25, timeoutMinutes: 20 },
  { name: 'service', ending: 'service', needs: ['nats'], load: 0.8, seconds: 75, timeoutMinutes: 30 },
  { name: 'simulator', ending: 'simulator', needs: ['kvm'], built: true, load: 0.8, seconds: 200, timeoutMinutes: 40 },
  { name: 'attack', ending: 'attack', needs: ['nats'], load: 0.8, seconds: 30, timeoutMinutes: 20 },
  { name: 'database', ending: 'database', needs: ['database', 'nats'], load: 0.8, seconds: 28, timeoutMinutes: 20 },
  { name: 'libvirt', ending: 'libvirt', needs: ['kvm', 'iso'], load: 0.35, seconds: 80, timeoutMinutes: 30 },
  {
    name: 'conformance',
    ending: 'conformance',
    needs: ['kvm'],
    built: true,
    load: 0.6,
    seconds: 900,
    timeoutMinutes: 60,
  },
  {
    name: 'e2e',
    ending: 'e2e',
    needs: ['kvm', 'nats', 'iso'],
    built: true,
    load: 0.6,
    seconds: 210,
    timeoutMinutes: 60,
  },
  {
    name: 'browser',
    ending: 'browser',
    needs: ['kvm', 'nats', 'browser'],
    built: true,
    load: 0.9,
    seconds: 60,
    timeoutMinutes: 30,
  },
  {
    name: 'powershell',
    ending: 'powershell',
    needs: ['nats'],
    built: true,
    optional: 'powershell',
    load: 0.8,
    seconds: 50,
    timeoutMinutes: 20,
  },
  {
    name: 'docker',
    ending: 'docker',
    needs: ['kvm'],
    built: true,
    optional: 'docker',
    load: 1,
    seconds: 200,
    timeoutMinutes: 60,
  },
  { name: 'kill', ending: 'kill', needs: ['kvm', 'nats'], built: true, load: 0.75, seconds: 400, timeoutMinutes: 90 },
  {
    name: 'chaos',
    ending: 'chaos',
    needs: ['kvm', 'nats'],
    built: true,
    load: 1,
    last: true,
    seconds: 150,
    timeoutMinutes: 45,
  },
];

/** Has the suite any test file yet? */
export async function hasFiles({ ending }: Suite): Promise<boolean> {
  const files = glob(`**/*.${ending}.ts`, {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist|\.[^/]+)$/.test(path),
  });
  for await (const _file of files) return true;
  return false;
}
