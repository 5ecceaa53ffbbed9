import type { NativeId } from '@polyvirt/contracts';
import type { Absences } from '../capabilities.ts';
import type { Bench } from '../testing/bench.ts';
import type { FakeHost } from './fake-host.ts';
import { newMachine, type FakeMachine } from './fake-machine.ts';
import { FakeDriver } from './fake.driver.ts';

/** A bench on a fake host; `without` are facets and features that the host does without. */
export function benchOn(host: FakeHost, without: Absences = {}): Bench {
  const prefix = 'bench-';
  const ours = () => host.machines().filter(({ name }) => name.startsWith(prefix));
  const define = (name: string): NativeId => {
    const nativeId = `by-hand-${name}`;
    const nothing = { disks: [], nics: [], cdrom: null, bootable: false };
    host.define(newMachine({ nativeId, name, state: 'stopped', cpus: 1, memoryMiB: 64, firmware: 'bios', ...nothing }));
    return nativeId;
  };
  const hide = (nativeId: NativeId) => {
    const spoil = (machine: FakeMachine) => (machine.unreadable = `The file of ${machine.name} is cut off. Repair it.`);
    host.edit('spoil', nativeId, spoil);
    return async () => host.edit('mend', nativeId, (machine) => void delete machine.unreadable);
  };
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
    watchPower: async (nativeId) => {
      const { name, poweredOnAt } = host.find(nativeId)!;
      const last = host.acts.at(-1);
      return async () => {
        const since = host.acts.slice(last === undefined ? 0 : host.acts.lastIndexOf(last) + 1);
        const cut = since.some(({ act, target }) => target === name && (act === 'power-off' || act === 'reset'));
        const machine = host.find(nativeId);
        const isSame = machine?.poweredOnAt === poweredOnAt;
        return cut ? 'power-cycle' : isSame ? 'none' : 'guest-restart';
      };
    },
    otherTool: {
      make: async (name) => define(name),
      rename: async (nativeId, name) => host.rename(nativeId, name),
      powerOff: async (nativeId) => host.powerOff(nativeId),
      remove: async (nativeId) => host.undefine(nativeId),
      see: async () => ours().map(({ nativeId, name, state }) => ({ nativeId, name, state })),
      makeUnreadable: async (name) => {
        const nativeId = define(name);
        return { nativeId, mend: hide(nativeId) };
      },
      hide: async (nativeId) => hide(nativeId),
      refuseStart: async (nativeId) => {
        host.edit('spoil', nativeId, (machine) => (machine.refusesStart = 'Its disk cannot be opened.'));
        return async () => host.edit('mend', nativeId, (machine) => delete machine.refusesStart);
      },
      suspend: async (nativeId) => host.save(nativeId),
      crash: async (nativeId) => host.crash(nativeId),
    },
    // The files of images are the host's.
    files: async () => host.files().filter(({ path }) => !path.startsWith('/fake/images/')),
    leftovers: async () => [...ours().map(({ name }) => name), ...host.volumes().map(({ path }) => path)].sort(),
    clean: async () => {
      for (const { nativeId } of ours()) host.undefine(nativeId);
    },
    close: async () => host.close(),
  };
}
