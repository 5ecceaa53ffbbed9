import { fileURLToPath } from 'node:url';
import { capabilityNames, type CapabilityName } from '@polyvirt/contracts';
import { describeDriver } from '../testing/describe-driver.ts';
import type { Bench } from '../testing/bench.ts';
import { FakeHost } from './fake-host.ts';
import { FakeDriver } from './fake.driver.ts';

async function benchOf(without: Partial<Record<CapabilityName, string>>): Promise<Bench> {
  const host = new FakeHost();
  const prefix = 'bench-';
  const ours = () => host.machines().filter(({ name }) => name.startsWith(prefix));
  return {
    open: async () => new FakeDriver({ host, without }),
    prefix,
    image: 'tiny-linux',
    iso: 'tiny-iso',
    network: 'default',
    template: without.images === undefined ? 'tiny-template' : { none: 'This host lists no templates.' },
    memoryMiB: 64,
    guestReady: async (nativeId) => {
      while (!host.hasBooted(host.find(nativeId)!)) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    otherTool: {
      make: async (name) => {
        host.define({
          nativeId: `by-hand-${name}`,
          name,
          state: 'stopped',
          cpus: 1,
          memoryMiB: 64,
          firmware: 'bios',
          disks: [],
          nics: [],
          cdrom: null,
          bootable: false,
          pending: {},
          snapshots: [],
          currentSnapshot: null,
          createdAt: new Date().toISOString(),
        });
        return `by-hand-${name}`;
      },
      rename: async (nativeId, name) => host.rename(nativeId, name),
      powerOff: async (nativeId) => host.powerOff(nativeId),
      remove: async (nativeId) => host.undefine(nativeId),
    },
    leftovers: async () => [...ours().map(({ name }) => name), ...host.volumes().map(({ path }) => path)].sort(),
    clean: async () => {
      for (const { nativeId } of ours()) host.undefine(nativeId);
    },
    close: async () => host.close(),
  };
}

const report = fileURLToPath(new URL('../../../../.polyvirt/conformance/fake.json', import.meta.url));

describeDriver('FakeDriver', () => benchOf({}), { timeoutSeconds: 20, report });

describeDriver(
  'FakeDriver without facets',
  () => benchOf(Object.fromEntries(capabilityNames.map((name) => [name, `This host has no ${name}.`]))),
  { timeoutSeconds: 20 },
);
