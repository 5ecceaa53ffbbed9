import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConnectionLostError, ErrorCode, LibvirtError, type Libvirt } from '@polyvirt/node-libvirt';
import { reasonToKeep } from './delete-unused.ts';
import { DiskUsers } from './disk-users.ts';
import { HostFiles } from './host-files.ts';
import { HostVolumes } from './host-volumes.ts';
import { StoragePool } from './storage-pool.ts';

const refusal = (code: number = ErrorCode.INTERNAL_ERROR) =>
  new LibvirtError({ code, domain: 0, level: 2, message: 'not now' } as never, 'any');
const fail = (error: Error) => async (): Promise<never> => {
  throw error;
};

const definition = (disks = '') => `<domain><name>other</name><devices>${disks}</devices></domain>`;
const volumeDisk = (pool: string, volume: string) =>
  definition(`<disk type='volume'><source pool='${pool}' volume='${volume}'/></disk>`);

interface FakeDomain {
  readonly xml: (options?: { inactive?: boolean }) => Promise<string>;
  readonly snapshots?: () => Promise<unknown[]>;
  readonly managedSaveXml?: () => Promise<string>;
}
interface FakePool {
  readonly xml?: () => Promise<string>;
  readonly volumes?: () => Promise<{ name: string; key: string; pool: string }[]>;
  readonly volume?: () => Promise<unknown>;
}

describe('a file that nobody is known to need', () => {
  let folder = '';
  let base = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'delete-unused-'));
    base = join(folder, 'base.qcow2');
    writeFileSync(base, 'raw');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A host with one machine beside that of the file, on and suspended and with snapshots where it says what it has, and one pool. */
  const reasonOn = async (domain: FakeDomain, pool: FakePool = {}, sweep = fail(refusal())) => {
    const domains = [{ name: 'other', uuid: 'u', ...domain }];
    const having = (part: unknown) => (part === undefined ? [] : domains);
    const pools = [
      {
        name: 'pool',
        isActive: async () => true,
        xml: async () => `<pool type='dir'><target><path>${folder}</path></target></pool>`,
        volumes: async () => [],
        volume: fail(refusal(ErrorCode.NO_STORAGE_VOL)),
        refresh: async () => undefined,
        ...pool,
      },
    ];
    const libvirt = {
      domains: {
        list: async (filter: { active?: true; managedSave?: true; hasSnapshot?: true } = {}) =>
          filter.active
            ? domains
            : filter.managedSave
              ? having(domain.managedSaveXml)
              : filter.hasSnapshot
                ? having(domain.snapshots)
                : domains,
      },
      pools: {
        list: async () => pools,
        getByName: async (name: string) => {
          if (name !== 'pool') throw refusal(ErrorCode.NO_STORAGE_POOL);
          return pools[0];
        },
      },
      volumes: { getByPath: fail(refusal(ErrorCode.NO_STORAGE_VOL)) },
      statistics: { sweep },
    } as unknown as Libvirt;
    const storage = new StoragePool(libvirt, { name: 'pool', path: folder }, new HostFiles({ local: true }));
    const volumes = new HostVolumes({ libvirt, storage, imageFolder: '/nonexistent' });
    return reasonToKeep(base, await DiskUsers.read(libvirt, storage), volumes, []);
  };
  const readable: FakeDomain = { xml: async () => definition() };

  it('goes', async () => {
    expect(await reasonOn(readable)).toBeNull();
    const empty = { ...readable, managedSaveXml: async () => definition(), snapshots: async () => [] };
    expect(await reasonOn(empty)).toBeNull();
    // What is gone since it was listed needs nothing.
    expect(await reasonOn({ xml: fail(refusal(ErrorCode.NO_DOMAIN)) })).toBeNull();
  });

  const next = async ({ inactive = false } = {}) => (inactive ? fail(refusal())() : definition());
  it.each<[string, FakeDomain, RegExp?]>([
    ['definition', { xml: fail(refusal()) }],
    ['definition at its next start', { xml: next }],
    ['saved memory', { ...readable, managedSaveXml: fail(refusal()) }],
    ['list of snapshots', { ...readable, snapshots: fail(refusal()) }],
    ['snapshot', { ...readable, snapshots: async () => [{ xml: fail(refusal()) }] }],
    ['disk in a pool that is not there', { xml: async () => volumeDisk('gone', 'base.qcow2') }, /"gone"/],
  ])(
    'stays for a machine of which libvirt does not say the %s, and that is told',
    async (_, domain, why = /not now/) => {
      const reason = await reasonOn(domain);
      expect(reason).toMatch(
        /^it cannot be seen whether "other" needs it: .*If nothing needs it, remove it by hand\.$/,
      );
      expect(reason).toMatch(why);
    },
  );

  it('stays for a machine with a disk in a pool that does not answer', async () => {
    const reason = await reasonOn({ xml: async () => volumeDisk('pool', 'a') }, { volume: fail(refusal()) });
    expect(reason).toMatch(/whether "other" needs it: not now\./);
  });

  it('goes for a machine whose disks are known although its definition is not to be had', async () => {
    const sweep = (async () => ({ domains: [{ blocks: [{ path: '/elsewhere' }] }] })) as never;
    const live = async ({ inactive = false } = {}) => (inactive ? definition() : fail(refusal())());
    expect(await reasonOn({ xml: live }, {}, sweep)).toBeNull();
    expect(await reasonOn({ xml: live })).toMatch(/whether "other" needs it/);
  });

  it.each<[string, FakePool]>([
    ['definition', { xml: fail(refusal()) }],
    ['volumes', { volumes: fail(refusal()) }],
  ])('stays for a pool of which libvirt does not say the %s: a disk that was kept may stand on it', async (_, pool) => {
    expect(await reasonOn(readable, pool)).toMatch(/whether "the storage pool pool" needs it: not now\./);
  });

  it('stays for a volume of which nobody can see what it stands on', async () => {
    // Reading it is an error of the device.
    const volumes = async () => [{ name: 'kept.qcow2', key: '/proc/self/mem', pool: 'pool' }];
    expect(await reasonOn(readable, { volumes })).toMatch(/whether "\/proc\/self\/mem" needs it: .*header/);
  });

  it('is not decided upon when libvirt is gone', async () => {
    const lost = new ConnectionLostError('gone', { sent: true });
    await expect(reasonOn({ xml: fail(lost) })).rejects.toBe(lost);
    await expect(reasonOn(readable, { volumes: fail(lost) })).rejects.toBe(lost);
  });
});
