import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { NativeId, VmState } from '@polyvirt/contracts';
import type { HostFile, SeenVm } from '@polyvirt/hypervisor/testing';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';

const run = promisify(execFile);

const NVRAM = '/var/lib/libvirt/qemu/nvram';
const SAVED_MEMORY = '/var/lib/libvirt/qemu/save';
const TPM = '/var/lib/libvirt/swtpm';

/** virDomainState, without what no test comes across. */
const states: Readonly<Record<number, VmState>> = {
  1: 'running',
  2: 'running',
  3: 'paused',
  4: 'running',
  5: 'stopped',
  6: 'crashed',
  7: 'suspended',
};
const SHUT_OFF = 5;
const SHUT_OFF_CRASHED = 3;

/**
 * The host as stat, qemu-img and the text of definitions show it: it shares nothing with the driver but the connection, so that
 * a mistake of the driver is not made twice.
 */
export class HostLook {
  readonly #libvirt: Libvirt;
  readonly #prefix: string;
  readonly #pool: string;
  /** Every machine of the suite that was ever seen: files are named by UUID and outlive their machine when something is wrong. */
  readonly #ids = new Set<NativeId>();
  readonly #below = new Map<string, Promise<string[]>>();

  constructor(libvirt: Libvirt, { prefix, pool }: { prefix: string; pool: string }) {
    this.#libvirt = libvirt;
    this.#prefix = prefix;
    this.#pool = pool;
  }

  async ours(): Promise<Domain[]> {
    const domains = (await this.#libvirt.domains.list()).filter(({ name }) => name.startsWith(this.#prefix));
    for (const { uuid } of domains) this.#ids.add(uuid);
    return domains;
  }

  async see(): Promise<SeenVm[]> {
    return Promise.all(
      (await this.ours()).map(async (domain) => {
        const [{ state, reason }, isSaved] = await Promise.all([domain.state(), domain.hasManagedSave()]);
        const off = isSaved ? 'suspended' : reason === SHUT_OFF_CRASHED ? 'crashed' : 'stopped';
        return {
          nativeId: domain.uuid,
          name: domain.name,
          state: state === SHUT_OFF ? off : (states[state] ?? 'unknown'),
        };
      }),
    );
  }

  async files(): Promise<HostFile[]> {
    const domains = await this.ours();
    const users = new Map<string, Set<NativeId>>();
    for (const domain of domains)
      for (const path of await this.#needs(domain)) {
        const key = await identity(path);
        users.set(key, (users.get(key) ?? new Set()).add(domain.uuid));
      }
    const files: HostFile[] = [];
    for (const path of await this.paths()) {
      const key = await identity(path);
      files.push({ path, users: [...(users.get(key) ?? [])] });
      users.delete(key);
    }
    // What is left has no file, unless it is one of another suite or of the host.
    for (const [path, ids] of users)
      if (path.startsWith(`${this.#pool}/`)) files.push({ path, users: [...ids], missing: true });
    return files;
  }

  /** Files of the suite's making, whether or not a machine needs them. Images stay in the pool for the next machine. */
  async paths(): Promise<string[]> {
    const isOurs = (name: string) => name.startsWith(this.#prefix) || [...this.#ids].some((id) => name.startsWith(id));
    const inPool = (await filesIn(this.#pool)).filter((path) => !basename(path).startsWith('image-'));
    const beside = (await Promise.all([NVRAM, SAVED_MEMORY].map(filesIn))).flat();
    const tpms = (await filesIn(TPM)).filter((path) => isOurs(basename(path)));
    return [...inPool, ...beside.filter((path) => isOurs(basename(path))), ...tpms].sort();
  }

  async #needs(domain: Domain): Promise<Set<string>> {
    const texts = await Promise.all([
      text(domain.xml()),
      text(domain.xml({ inactive: true })),
      ...(await domain.snapshots().catch(() => [])).map((snapshot) => text(snapshot.xml())),
    ]);
    const own = new Set<string>([
      ...texts.flatMap((xml) => pathsIn(xml)),
      ...(await this.#volumesIn(texts)),
      join(SAVED_MEMORY, `${domain.name}.save`),
      join(TPM, domain.uuid),
      ...(texts.some((xml) => xml.includes(`firmware='efi'`)) ? [join(NVRAM, `${domain.name}_VARS.fd`)] : []),
    ]);
    for (const path of [...own]) for (const below of await this.#chain(path)) own.add(below);
    return own;
  }

  async #volumesIn(texts: readonly string[]): Promise<string[]> {
    const paths: string[] = [];
    for (const [, pool, volume] of texts.flatMap((xml) => [
      ...xml.matchAll(/<source pool='([^']+)' volume='([^']+)'/g),
    ]))
      paths.push(await (await (await this.#libvirt.pools.getByName(pool!)).volume(volume!)).path());
    return paths;
  }

  /** What a file stands on never changes while it is there, so qemu-img is asked once. */
  async #chain(path: string): Promise<string[]> {
    if (!path.endsWith('.qcow2')) return [];
    const stats = await stat(path).catch(() => undefined);
    if (!stats) return [];
    const key = `${stats.dev}:${stats.ino}:${stats.birthtimeMs}`;
    const known = this.#below.get(key) ?? below(path);
    this.#below.set(key, known);
    return known;
  }
}

async function below(path: string): Promise<string[]> {
  const { stdout } = await run('qemu-img', ['info', '-U', '--output=json', '--backing-chain', path]);
  const chain = JSON.parse(stdout) as { filename: string }[];
  return chain.slice(1).map(({ filename }) => filename);
}

/** Also of a machine that cannot be read, of which nothing is known then. */
const text = (reading: Promise<string>): Promise<string> => reading.catch(() => '');

const unescape = (value: string) => value.replaceAll('&lt;', '<').replaceAll('&apos;', "'").replaceAll('&amp;', '&');

const pathsIn = (xml: string): string[] =>
  [...xml.matchAll(/(?:\bfile='|<nvram[^>]*>|<polyvirt-snapshot:\w+>)(\/[^'<]+)/g)].map(([, path]) => unescape(path!));

const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => [])).map((name) => join(folder, name));

const identity = (path: string): Promise<string> =>
  stat(path).then(
    ({ dev, ino }) => `${dev}:${ino}`,
    () => path,
  );
