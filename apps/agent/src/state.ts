import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { credentialsFor, newUserKey, type UserKey } from '@polyvirt/bus';
import { invalidConfigExitCode } from '@polyvirt/config';
import { HostId, JoinedHost } from '@polyvirt/contracts';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { Fault } from './fault.ts';
import { keepForOwner } from './owner-only.ts';

/** What is known of a host that this machine has joined as: `host.yaml`. */
const Membership = JoinedHost.pick({ host: true, hypervisor: true, natsUrls: true }).extend({
  gateway: z.url().describe('Where it joined.'),
  token: z.string().describe('Id of the token that it joined by; nothing can be done with it.'),
});
export type Membership = z.infer<typeof Membership>;

/** Where the memberships of this machine are kept unless `--state` or POLYVIRT_AGENT_STATE says. */
export function usualFolder(platform = process.platform): string {
  if (platform === 'win32') return join(env['ProgramData'] ?? 'C:\\ProgramData', 'Polyvirt', 'agent');
  if (process.getuid?.() === 0) return '/var/lib/polyvirt-agent';
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'polyvirt-agent');
}

/**
 * The hosts that this machine has joined as, a folder each. Every file is written beside and then renamed, so that whoever reads it,
 * such as an agent that runs, sees the one before or the one after, whenever this is killed.
 */
export class State {
  /** `restrict` keeps others out of a folder, where its mode does not. */
  constructor(
    readonly folder: string,
    private readonly restrict: (folder: string) => Promise<void> = keepForOwner,
  ) {}

  async hosts(): Promise<HostId[]> {
    if (!existsSync(this.folder)) return [];
    const entries = await readdir(this.folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && existsSync(join(this.folder, entry.name, 'host.yaml')))
      .map(({ name }) => name)
      .sort();
  }

  folderOf(host: HostId): string {
    return join(this.folder, host);
  }

  credentialsFile(host: HostId): string {
    return join(this.folderOf(host), 'bus.creds');
  }

  /** Certificate authority of nats-server; undefined where there is none to know. */
  natsCa(host: HostId): string | undefined {
    return this.#fileOf(host, 'nats-ca.pem');
  }

  /** That of the gateway, where it is one that machines do not trust by themselves. */
  gatewayCa(host: HostId): string | undefined {
    return this.#fileOf(host, 'gateway-ca.pem');
  }

  /** The one that was named, or the only one. @throws Fault that says what there is; what starts agents need not try it again */
  async choose(named: string | undefined): Promise<Membership> {
    const hosts = await this.hosts();
    if (named !== undefined && !hosts.includes(named))
      throw new Fault(`This machine has not joined as ${named}. ${list(hosts)}`, invalidConfigExitCode);
    const [only, ...others] = hosts;
    if (named === undefined && only === undefined)
      throw new Fault(
        'This machine has not joined. Run the line that `polyvirt host add` shows.',
        invalidConfigExitCode,
      );
    if (named === undefined && others.length > 0) throw new Fault(`Which host? ${list(hosts)}`, 2);
    return this.#membershipOf(named ?? only!);
  }

  /** The host that this machine has become by a token, if it has. */
  async joinedBy(tokenId: string): Promise<Membership | undefined> {
    const memberships = await Promise.all((await this.hosts()).map((host) => this.#membershipOf(host)));
    return memberships.find(({ token }) => token === tokenId);
  }

  /**
   * The key for a token: always the same one, so that a request whose answer was lost can be repeated, whoever was killed. It is on
   * the disk before it is used.
   */
  async keyFor(tokenId: string): Promise<UserKey> {
    const file = this.#keyFile(tokenId);
    const Key = z.object({ publicKey: z.string(), seed: z.string() });
    if (existsSync(file)) return Key.parse(JSON.parse(await readFile(file, 'utf8')));
    const key = newUserKey();
    await this.#makeFolder();
    await mkdir(join(this.folder, 'joining'), { recursive: true, mode: 0o700 });
    await write(file, JSON.stringify(key));
    return key;
  }

  /** Writes down what the gateway has answered; an agent that runs as this host takes it at its next connection. */
  async keep(
    joined: JoinedHost,
    { origin, ca }: { readonly origin: string; readonly ca?: string | undefined },
    { seed }: UserKey,
    tokenId: string,
  ): Promise<Membership> {
    const { host, hypervisor, natsUrls, natsCa } = joined;
    const folder = this.folderOf(host);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (natsCa !== undefined) await write(join(folder, 'nats-ca.pem'), natsCa);
    if (ca !== undefined) await write(join(folder, 'gateway-ca.pem'), ca);
    await write(this.credentialsFile(host), credentialsFor(seed, joined));
    const membership: Membership = { host, hypervisor, natsUrls, gateway: origin, token: tokenId };
    await write(join(folder, 'host.yaml'), stringify(membership));
    await rm(this.#keyFile(tokenId), { force: true });
    return membership;
  }

  async forget(host: HostId): Promise<void> {
    await rm(this.folderOf(HostId.parse(host)), { recursive: true, force: true });
  }

  async #membershipOf(host: HostId): Promise<Membership> {
    return Membership.parse(parse(await readFile(join(this.folderOf(host), 'host.yaml'), 'utf8')));
  }

  /** For its owner alone. @throws Fault if it cannot be made */
  async #makeFolder(): Promise<void> {
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      await this.restrict(this.folder);
    } catch (cause) {
      throw new Fault(
        `The folder ${this.folder} cannot be made: ${(cause as Error).message}. Another one is given by --state.`,
        1,
        { cause },
      );
    }
  }

  #fileOf(host: HostId, name: string): string | undefined {
    const file = join(this.folderOf(host), name);
    return existsSync(file) ? file : undefined;
  }

  #keyFile(tokenId: string): string {
    return join(this.folder, 'joining', `${tokenId}.json`);
  }
}

const list = (hosts: readonly string[]): string =>
  hosts.length === 0 ? 'It has not joined at all.' : `It has joined as ${hosts.join(', ')}.`;

async function write(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
