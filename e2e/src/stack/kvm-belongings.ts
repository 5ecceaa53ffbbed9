import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { Libvirt, type Domain } from '@polyvirt/node-libvirt';
import { ensureLibvirt, makeIsolatedNetwork, removeNetwork, run, type IsolatedNetwork } from '@polyvirt/tools';

const uri = 'qemu:///system';

/** Runs virsh on this machine's libvirt, as an operator would. Rejects when it fails. */
export async function virsh(...args: string[]): Promise<string> {
  return (await run('virsh', ['-q', '-c', uri, ...args], { timeoutMs: 60_000 })).trim();
}

const baseIn = (volumeXml: string): string | undefined => /<backingStore>\s*<path>([^<]+)<\/path>/.exec(volumeXml)?.[1];
const disksIn = (domainXml: string): string[] =>
  [...domainXml.matchAll(/<source file='([^']+)'/g)].map(([, path]) => path!);

/**
 * What one stack has in this machine's libvirt: a storage pool, a network, and every machine that begins with the prefix or uses
 * the pool.
 */
export class KvmBelongings {
  readonly pool: string;
  readonly path: string;
  /** Of this stack alone: nobody else is given one of its addresses. It leads nowhere. */
  readonly network: string;
  #fixedAddresses: IsolatedNetwork['fixedAddresses'] | undefined;

  constructor(readonly prefix: string) {
    this.pool = `${prefix}pool`;
    this.path = `/var/lib/libvirt/images/${prefix}pool`;
    this.network = `${prefix}net`;
  }

  async prepare(): Promise<void> {
    await ensureLibvirt({ log: () => undefined });
    this.#fixedAddresses = (await makeIsolatedNetwork(this.network)).fixedAddresses;
  }

  /** Names of the machines, sorted. */
  async machines(): Promise<string[]> {
    return this.#with(async (libvirt) => (await this.#domains(libvirt)).map(({ name }) => name).sort());
  }

  /** File names in the pool, sorted, without the images that stay for the next machine. */
  async volumes(): Promise<string[]> {
    return this.#with(async (libvirt) => {
      const pool = await libvirt.pools.find(this.pool);
      if (!pool) return [];
      await pool.refresh();
      return (await pool.volumes())
        .map(({ name }) => name)
        .filter((name) => !name.startsWith('image-'))
        .sort();
    });
  }

  /** Files of the pool that no machine uses, not even as the base of a disk; and files that a machine uses and that are not there. */
  async disksAstray(): Promise<{ unused: string[]; missing: string[] }> {
    return this.#with(async (libvirt) => {
      const pool = await libvirt.pools.getByName(this.pool);
      await pool.refresh();
      const volumes = await pool.volumes();
      const bases = new Map<string, string | undefined>();
      for (const volume of volumes) bases.set(await volume.path(), baseIn(await volume.xml()));
      const used = new Set<string>();
      const missing: string[] = [];
      for (const domain of await this.#domains(libvirt)) {
        for (const disk of disksIn(await domain.xml({ inactive: true }))) {
          for (let path: string | undefined = disk; path !== undefined; path = bases.get(path)) {
            used.add(path);
            if (!bases.has(path)) missing.push(`${path} of ${domain.name}`);
          }
        }
      }
      const unused = [...bases.keys()].filter((path) => !used.has(path) && !path.includes('/image-'));
      return { unused: unused.sort(), missing: missing.sort() };
    });
  }

  /** An address of the network that its DHCP server gives to nobody by itself. */
  fixedAddress(): string {
    if (!this.#fixedAddresses) throw new Error(`there is no network ${this.network} yet`);
    const [from, to] = [this.#fixedAddresses.from, this.#fixedAddresses.to].map((address) => address.split('.'));
    return [...from!.slice(0, 3), randomInt(Number(from![3]), Number(to![3]) + 1)].join('.');
  }

  /** Whether the network keeps an address for a machine. */
  async isReserved(address: string): Promise<boolean> {
    return (await virsh('net-dumpxml', this.network)).includes(` ip='${address}'`);
  }

  /** Removes all machines, and their disks. */
  async removeMachines(): Promise<void> {
    await this.#with((libvirt) => this.#removeMachines(libvirt));
    const { unused } = await this.disksAstray();
    for (const path of unused) await rm(path, { force: true });
  }

  /** Removes everything. */
  async remove(): Promise<void> {
    await this.#with(async (libvirt) => {
      await this.#removeMachines(libvirt);
      const pool = await libvirt.pools.find(this.pool);
      if (!pool) return;
      if (await pool.isActive()) await pool.destroy();
      await pool.undefine();
    });
    await removeNetwork(this.network);
    await rm(this.path, { recursive: true, force: true });
  }

  async #removeMachines(libvirt: Libvirt): Promise<void> {
    for (const domain of await this.#domains(libvirt)) {
      if (await domain.isActive()) await domain.destroy();
      await domain.undefine({ nvram: true, snapshotsMetadata: true, managedSave: true, checkpointsMetadata: true });
    }
  }

  async #domains(libvirt: Libvirt): Promise<Domain[]> {
    const found: Domain[] = [];
    for (const domain of await libvirt.domains.list()) {
      // Machines of others come and go meanwhile.
      const xml = await domain.xml({ inactive: true }).catch(() => '');
      if (domain.name.startsWith(this.prefix) || xml.includes(`${this.path}/`)) found.push(domain);
    }
    return found;
  }

  async #with<Result>(work: (libvirt: Libvirt) => Promise<Result>): Promise<Result> {
    const libvirt = await Libvirt.connect({ uri });
    try {
      return await work(libvirt);
    } finally {
      await libvirt.close();
    }
  }
}
