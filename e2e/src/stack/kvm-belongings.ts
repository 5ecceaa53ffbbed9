import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { Libvirt, type Domain } from '@polyvirt/node-libvirt';
import { ensureLibvirt, run } from '@polyvirt/tools';

const uri = 'qemu:///system';
/** Subnets that networks of stacks have, 10.<second>.<third>.0/24; libvirt refuses one that the machine has already. */
const subnets = { second: 214, thirds: 256, tries: 20 };

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

  constructor(readonly prefix: string) {
    this.pool = `${prefix}pool`;
    this.path = `/var/lib/libvirt/images/${prefix}pool`;
    this.network = `${prefix}net`;
  }

  async prepare(): Promise<void> {
    await ensureLibvirt({ log: () => undefined });
    await this.#with((libvirt) => this.#makeNetwork(libvirt));
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
  async fixedAddress(): Promise<string> {
    const own = /<ip address='([\d.]+)'/.exec(await virsh('net-dumpxml', this.network))?.[1];
    if (own === undefined) throw new Error(`the network ${this.network} has no address`);
    return `${own.slice(0, own.lastIndexOf('.'))}.${randomInt(100, 250)}`;
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
      const network = await libvirt.networks.find(this.network);
      if (await network?.isActive()) await network?.destroy();
      await network?.undefine();
      const pool = await libvirt.pools.find(this.pool);
      if (!pool) return;
      if (await pool.isActive()) await pool.destroy();
      await pool.undefine();
    });
    await rm(this.path, { recursive: true, force: true });
  }

  async #makeNetwork(libvirt: Libvirt): Promise<void> {
    for (let left = subnets.tries; ; left -= 1) {
      const subnet = `10.${subnets.second}.${randomInt(subnets.thirds)}`;
      const network = await libvirt.networks.define(
        `<network><name>${this.network}</name><ip address='${subnet}.1' prefix='24'>` +
          `<dhcp><range start='${subnet}.2' end='${subnet}.99'/></dhcp></ip></network>`,
      );
      try {
        return await network.start();
      } catch (error) {
        await network.undefine();
        if (left === 0) throw error;
      }
    }
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
