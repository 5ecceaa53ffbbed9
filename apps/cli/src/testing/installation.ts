import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireSuccess, type Client, type components } from '@polyvirt/api-client';
import { Stack } from '@polyvirt/e2e/stack';
import { commands } from '../commands/index.ts';
import { findCommand } from '../parse.ts';
import { ownNode, Programs, type InTerminal } from './program.ts';

export type Vm = components['schemas']['Vm'];

/** A question of a command, and what is typed there. */
export type Dialogue = readonly (readonly [question: RegExp, answer: string])[];

export interface Shown {
  readonly exitCode: number;
  /** What is on the screen; in a pipe standard output, and behind it standard error. */
  readonly text: string;
}

/** Whose credential the programs have, and the password that goes with it. */
export interface Person {
  readonly username: string;
  readonly password: string;
  /** File with the password. */
  readonly passwordFile: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface RunOptions {
  /** What is asked in a terminal, beside the password and whether one is sure. */
  readonly dialogue?: Dialogue;
  readonly as?: Person;
  /** In place of the one of the person. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end: in pipes, or in a terminal. */
export type Run = (args: readonly string[], options?: RunOptions) => Promise<Shown>;

/** The programs as a user has them, and a stack for them to talk to. */
export class Installation {
  readonly node = ownNode();
  #stack: Stack | undefined;
  #programs: Programs | undefined;
  #me: Person | undefined;
  #somebody: Promise<Person> | undefined;

  get stack(): Stack {
    return this.#stack!;
  }
  get programs(): Programs {
    return this.#programs!;
  }
  /** The administrator, without the programs. */
  get admin(): Client {
    return this.stack.admin;
  }
  get #administrator(): Person {
    return this.#me!;
  }
  /** With which the programs are the administrator, by a token. */
  get env(): Readonly<Record<string, string>> {
    return this.#administrator.env;
  }

  async start(): Promise<void> {
    [this.#stack, this.#programs] = await Promise.all([
      Stack.start({
        agents: [
          { kind: 'fake', id: 'fake-a' },
          { kind: 'fake', id: 'fake-b' },
          // Its guests take their time, so that a change of them is seen on its way.
          { kind: 'fake', id: 'slow', shutdownMs: 600_000 },
        ],
      }),
      Programs.install(),
    ]);
    this.#me = await this.#equip('admin', this.stack.adminPassword, this.admin);
  }

  async stop(): Promise<void> {
    this.#programs?.[Symbol.dispose]();
    await this.#stack?.stop();
  }

  /** A user that any test may log in as, and whose password none changes. */
  readonly somebody = (): Promise<Person> => (this.#somebody ??= this.person('somebody'));

  /** Makes a user, without the programs. */
  async person(username: string, role: 'viewer' | 'operator' = 'operator'): Promise<Person> {
    const password = `${username} has a horse`;
    await this.admin.POST('/api/v1/users', { body: { username, password, role } });
    return this.#equip(username, password, this.stack.client({ username, password }));
  }

  async #equip(username: string, password: string, client: Client): Promise<Person> {
    const { data: me } = await client.GET('/api/v1/auth/me');
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const body = { name: `cli of ${username}`, scopes: me.permissions, expiresAt };
    const { data } = await client.POST('/api/v1/tokens', { body });
    const passwordFile = join(this.programs.folder, `password-of-${username}`);
    writeFileSync(passwordFile, `${password}\n`);
    const env = {
      POLYVIRT_URL: this.stack.url(),
      POLYVIRT_TOKEN: data.secret,
      POLYVIRT_COMPLETION_SECONDS: '20',
    };
    return { username, password, passwordFile, env };
  }

  /** Makes a VM, without the programs. */
  async vm(body: Partial<components['schemas']['CreateVmInput']> & { name: string }): Promise<Vm> {
    const { data } = await this.admin.POST('/api/v1/vms', {
      body: { host: 'fake-a', ...body },
      params: { header: { Prefer: 'wait=60' } },
    });
    return this.read(requireSuccess(data).vmId!);
  }

  async read(vmId: string): Promise<Vm> {
    return (await this.admin.GET('/api/v1/vms/{vmId}', { params: { path: { vmId } } })).data;
  }

  readonly polyvirt = (...args: string[]) => this.programs.run('polyvirt', args, { env: this.env });

  readonly inTerminal = (...args: string[]): InTerminal => this.programs.terminal('polyvirt', args, this.env);

  /** What a command prints that has to end well. */
  readonly done = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await this.polyvirt(...args);
    if (exitCode !== 0) throw new Error(`polyvirt ${args.join(' ')} ended with ${exitCode}:\n${stdout}${stderr}`);
    return stdout.trimEnd();
  };

  readonly json = async <Result>(...args: string[]): Promise<Result> =>
    JSON.parse(await this.done(...args.slice(0, 2), '-o', 'json', ...args.slice(2))) as Result;

  /** Nobody can be asked: passwords come from files. On the Node that the machine has. */
  readonly pipe: Run = async (args, { as = this.#administrator, env = as.env } = {}) => {
    const command = findCommand(commands, args)?.command;
    const more = [
      ...(command?.asPerson === true ? ['--my-password-file', as.passwordFile] : []),
      ...(command?.options && 'yes' in command.options ? ['--yes'] : []),
    ];
    const { exitCode, stdout, stderr } = await this.programs.run('polyvirt', [...args, ...more], {
      env,
      node: this.node,
    });
    return { exitCode, text: stdout + stderr };
  };

  readonly terminal: Run = async (args, { as = this.#administrator, env = as.env, dialogue = [] } = {}) => {
    const command = findCommand(commands, args)?.command;
    const terminal = this.programs.terminal('polyvirt', args, env);
    await terminal.answer(
      ...(command?.asPerson === true ? [[/Your own password, \S+\?/, as.password] as const] : []),
      ...(command?.options && 'yes' in command.options ? [[/\[y\/N\]/, 'y'] as const] : []),
      ...dialogue,
    );
    return { exitCode: await terminal.ended, text: terminal.plain };
  };
}
