import { glob } from 'node:fs/promises';
import { root } from '../places.ts';
import type { Purpose } from '../machine/packages.ts';

/** One Jest project of jest.config.mjs. */
export interface Suite {
  name: string;
  /** Ending of its files before `.ts`. */
  ending: string;
  /** What the system must have for it. */
  needs: readonly Purpose[];
  /** It runs programs from `dist/`, so that everything has to be built first. */
  built?: true;
  /** One file after the other; otherwise each core has one. */
  inBand?: true;
  /** When it takes longer it hangs. */
  timeoutMinutes: number;
}

/** In the order they run: what fails fast comes first. */
export const SUITES: readonly Suite[] = [
  { name: 'unit', ending: 'spec', needs: [], timeoutMinutes: 15 },
  { name: 'service', ending: 'service', needs: ['nats'], timeoutMinutes: 15 },
  { name: 'simulator', ending: 'simulator', needs: ['kvm'], built: true, timeoutMinutes: 15 },
  { name: 'database', ending: 'database', needs: ['database'], timeoutMinutes: 15 },
  { name: 'libvirt', ending: 'libvirt', needs: ['kvm', 'iso'], inBand: true, timeoutMinutes: 20 },
  { name: 'conformance', ending: 'conformance', needs: ['kvm'], built: true, timeoutMinutes: 40 },
  { name: 'e2e', ending: 'e2e', needs: ['kvm', 'nats'], built: true, timeoutMinutes: 40 },
  { name: 'kill', ending: 'kill', needs: ['kvm', 'nats'], built: true, timeoutMinutes: 60 },
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
