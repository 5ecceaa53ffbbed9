import type { Client, paths } from '@polyvirt/api-client';
import type { Terminal } from './terminal.ts';

/** A route of the API, as the OpenAPI document spells it. */
export type Route = `${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} ${keyof paths & string}`;

/** What completion offers for a value. */
export type Completes = 'vm' | 'host' | 'operation' | 'user' | 'token' | 'subscriber' | 'context' | 'file';

export interface Argument {
  readonly name: string;
  readonly help: string;
  /** Takes all that follow. */
  readonly many?: boolean;
  readonly optional?: boolean;
  readonly completes?: Completes;
  readonly choices?: readonly string[];
}

export interface Option {
  readonly help: string;
  readonly short?: string;
  /** What its value is called; without one it is a switch. */
  readonly value?: string;
  /** May be given several times. */
  readonly many?: boolean;
  readonly integer?: boolean;
  /** `90s`, `10m`, `2h`. */
  readonly duration?: boolean;
  /** A time, or how long ago. */
  readonly time?: boolean;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
  /** Options that say the opposite. */
  readonly excludes?: readonly string[];
}

export type Options = Readonly<Record<string, Option>>;

/** One command, everything about it: parser, help, completion, documentation and the comparison with the API are made of this. */
export interface Command {
  /** `vm list` */
  readonly name: string;
  readonly summary: string;
  /** Routes that it is the command for; the API has none that no command is for. */
  readonly calls: readonly Route[];
  /** Asks no gateway. */
  readonly isLocal?: true;
  readonly args?: readonly Argument[];
  readonly options?: Options;
  readonly examples?: readonly string[];
  /**
   * No API token may do it: its client is a session of the user, which needs the password and ends with the command.
   * `if-asked`: where `--as-person` is given.
   */
  readonly asPerson?: true | 'if-asked';
  /** Left out of help and documentation. */
  readonly hidden?: boolean;
  /** Resolves with its exit code, 0 if it says nothing. */
  run(invocation: Invocation): Promise<number | void>;
}

/** A command with what was typed behind it. */
export interface Invocation {
  readonly command: Command;
  readonly args: readonly string[];
  readonly given: Given;
  readonly terminal: Terminal;
  /** Where `--context`, the environment, `run.json` or the file of contexts say. Throws `UsageError` if none does. */
  client(): Promise<Client>;
  /** What was given as the password of the user, for a command that is done as a person. */
  password(): Promise<string>;
}

/** Values of options. */
export class Given {
  constructor(private readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>) {}

  flag(name: string): boolean {
    return this.values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.values[name];
    return typeof value === 'string' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.values[name];
    return Array.isArray(value) ? (value as readonly string[]) : [];
  }

  integer(name: string): number | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : Number(value);
  }

  has(name: string): boolean {
    return this.values[name] !== undefined;
  }
}

/** What was typed makes no command: exit 2, with the way to the help. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Ends the program with this exit code; the message, if there is one, is for the reader. */
export class Exit extends Error {
  override readonly name = 'Exit';

  constructor(
    readonly exitCode: number,
    message = '',
  ) {
    super(message);
  }
}
