import { randomBytes, randomUUID } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import type { NativeId } from '@polyvirt/contracts';
import type { ListedVm, OperationContext } from '@polyvirt/hypervisor';
import { TestOperation } from '@polyvirt/hypervisor/testing';
import { Libvirt, type Domain } from '@polyvirt/node-libvirt';
import { ensureLibvirt } from '@polyvirt/tools';
import { LibvirtDriver } from '../libvirt.driver.ts';
import { buildXml } from '../xml.ts';

const SIZE_MIB = 32;
const NVRAM = '/var/lib/libvirt/qemu/nvram';

/** What a test says of a domain that another tool is to have made. */
export interface Foreign {
  readonly name?: string;
  /** Within `<domain>`: CPUs, memory and what else comes before `<os>`. */
  readonly head?: string;
  readonly os?: string;
  readonly devices?: string;
  readonly tail?: string;
}

/** This machine's libvirt with domains as other tools make them, and a driver that is to get on with them. */
export class LiveHost {
  readonly libvirt: Libvirt;
  readonly driver: LibvirtDriver;
  readonly prefix: string;
  readonly pool: { readonly name: string; readonly path: string };
  readonly #stopped = new Set<number>();

  private constructor(libvirt: Libvirt, prefix: string) {
    this.libvirt = libvirt;
    this.prefix = prefix;
    this.pool = { name: `${prefix}pool`, path: `/var/lib/libvirt/images/${prefix}pool` };
    this.driver = this.another();
  }

  static async open(): Promise<LiveHost> {
    await ensureLibvirt({ log: () => undefined });
    const host = new LiveHost(
      await Libvirt.connect({ uri: 'qemu:///system' }),
      `pvodd-${randomBytes(4).toString('hex')}-`,
    );
    // The probe makes the pool.
    await host.driver.probe();
    return host;
  }

  another(): LibvirtDriver {
    return new LibvirtDriver({
      uri: 'qemu:///system',
      acceleration: 'auto',
      pool: this.pool,
      imageFolder: '/nonexistent',
    });
  }

  /** A qcow2 file in the pool; answers its path. */
  async disk(name: string, format = 'qcow2'): Promise<string> {
    const pool = await this.libvirt.pools.getByName(this.pool.name);
    const capacity = { '@unit': 'MiB', '#text': String(SIZE_MIB) };
    const xml = buildXml({ volume: { name, capacity, target: { format: { '@type': format } } } });
    return (await pool.createVolume(xml)).path();
  }

  xml({ name = this.prefix, head, os = '', devices = '', tail = '' }: Foreign = {}): string {
    return `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
      <name>${name}</name><uuid>${randomUUID()}</uuid>
      ${head ?? `<memory unit='MiB'>32</memory><vcpu>1</vcpu>`}
      <os><type arch='x86_64' machine='pc'>hvm</type>${os}</os><features><acpi/><apic/></features>
      <devices><memballoon model='virtio'/>${devices}</devices>${tail}</domain>`;
  }

  define(foreign: Foreign & { readonly name: string }): Promise<Domain> {
    return this.libvirt.domains.define(this.xml({ ...foreign, name: `${this.prefix}${foreign.name}` }));
  }

  run<Result>(method: (context: OperationContext) => Promise<Result>): Promise<Result> {
    return new TestOperation().run(method);
  }

  /** Our own domains, by the name behind the prefix. */
  async list(driver = this.driver): Promise<Map<string, ListedVm>> {
    const vms = await driver.list();
    return new Map(
      vms.filter(({ name }) => name?.startsWith(this.prefix)).map((vm) => [vm.name!.slice(this.prefix.length), vm]),
    );
  }

  async pid(domain: Domain): Promise<number> {
    const name = /<name>(.*)<\/name>/.exec(await domain.xml())?.[1];
    return Number((await readFile(`/run/libvirt/qemu/${name}.pid`, 'utf8')).trim());
  }

  /** A QEMU that answers nobody until it is thawed. */
  async freeze(domain: Domain): Promise<number> {
    const pid = await this.pid(domain);
    process.kill(pid, 'SIGSTOP');
    this.#stopped.add(pid);
    return pid;
  }

  thaw(pid: number): void {
    if (this.#stopped.delete(pid)) process.kill(pid, 'SIGCONT');
  }

  /** As when QEMU ends in an error. */
  async crash(domain: Domain): Promise<void> {
    process.kill(await this.pid(domain), 'SIGKILL');
    await this.until(async () => !(await domain.isActive()));
  }

  async until(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  stateOf(nativeId: NativeId): Promise<string> {
    return this.driver.get(nativeId).then(({ state }) => state);
  }

  async close(): Promise<void> {
    for (const pid of [...this.#stopped]) this.thaw(pid);
    const domains = (await this.libvirt.domains.list()).filter(({ name }) => name.startsWith(this.prefix));
    await Promise.all(
      domains.map(async (domain) => {
        if (await domain.isActive()) await domain.destroy();
        const all = { nvram: true, snapshotsMetadata: true, managedSave: true, checkpointsMetadata: true };
        // A transient one is gone with its process.
        await domain.undefine(all).catch(() => undefined);
        // What a test that failed has left of its snapshots.
        for (const name of await readdir(NVRAM).catch(() => []))
          if (name.startsWith(domain.uuid)) await rm(`${NVRAM}/${name}`, { force: true });
      }),
    );
    const pool = await this.libvirt.pools.find(this.pool.name);
    if (pool) {
      if (await pool.isActive()) await pool.destroy();
      await pool.undefine();
    }
    await rm(this.pool.path, { recursive: true, force: true });
    await this.driver.close();
    await this.libvirt.close();
  }
}
