import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { GuestPaths } from './guest-paths.ts';

/** What a simulated program did. */
export interface Execution {
  exitCode: number;
  /** How long it runs, in milliseconds. */
  runsMs: number;
  /** The guest powers itself off or boots anew afterwards. */
  power?: 'off' | 'reboot';
}

/** A user's program in the guest: nothing of this machine is executed, a few commands are understood. */
export class GuestShell {
  private readonly paths: GuestPaths;
  private readonly exits: Record<string, number>;

  constructor(paths: GuestPaths, exits: Record<string, number>) {
    this.paths = paths;
    this.exits = exits;
  }

  run(program: string, args: string[]): Execution {
    const forced = this.exits[program];
    if (forced !== undefined) return { exitCode: forced, runsMs: 0 };
    const name = nameOf(program);
    const isShell = ['sh', 'bash', 'cmd', 'powershell'].includes(name);
    const script = isShell ? scriptOf(args) : undefined;
    return script === undefined ? this.command([name, ...args]) : this.script(script);
  }

  /** Commands by line or `;`, until one says `exit`. */
  script(text: string): Execution {
    const total: Execution = { exitCode: 0, runsMs: 0 };
    for (const line of text.split(/\r?\n|;|&&/)) {
      const words = line.trim();
      if (words === '' || words.startsWith('#')) continue;
      const exit = /^exit(?:\s+\/b)?(?:\s+(\d+))?$/i.exec(words);
      if (exit) return { ...total, exitCode: Number(exit[1] ?? total.exitCode) };
      const { exitCode, runsMs, power } = this.command(split(words));
      total.exitCode = exitCode;
      total.runsMs += runsMs;
      if (power) return { ...total, power };
    }
    return total;
  }

  private command(words: string[]): Execution {
    const [word = '', ...args] = words;
    const done = { exitCode: 0, runsMs: 0 };
    switch (nameOf(word)) {
      case 'true':
      case 'sh':
      case 'bash':
      case 'cmd':
      case 'powershell':
        return done;
      case 'false':
        return { exitCode: 1, runsMs: 0 };
      case 'sleep':
        return { exitCode: 0, runsMs: Number(args[0]) * 1000 || 0 };
      case 'echo':
        return this.echo(args);
      case 'touch':
        return this.attempt(() => appendFileSync(this.paths.local(args[0]!), ''));
      case 'mkdir':
        return this.attempt(() => mkdirSync(this.paths.local(args.at(-1)!), { recursive: args[0] === '-p' }));
      case 'rm':
        return this.attempt(() =>
          rmSync(this.paths.local(args.at(-1)!), { recursive: args[0]?.includes('r') === true }),
        );
      case 'cat':
        return this.attempt(() => readFileSync(this.paths.local(args[0]!)));
      case 'poweroff':
      case 'halt':
        return { ...done, power: 'off' };
      case 'reboot':
        return { ...done, power: 'reboot' };
      case 'shutdown':
        return { ...done, power: args.some((arg) => /^[-/]r$/i.test(arg)) ? 'reboot' : 'off' };
      default:
        return { exitCode: this.isProgram(word) ? 0 : 127, runsMs: 0 };
    }
  }

  private echo(args: string[]): Execution {
    const target = args.findIndex((arg) => arg === '>' || arg === '>>');
    if (target < 0) return { exitCode: 0, runsMs: 0 };
    const text = `${args.slice(0, target).join(' ')}\n`;
    const write = args[target] === '>' ? writeFileSync : appendFileSync;
    return this.attempt(() => write(this.paths.local(args[target + 1]!), text));
  }

  private attempt(work: () => unknown): Execution {
    try {
      work();
      return { exitCode: 0, runsMs: 0 };
    } catch {
      return { exitCode: 1, runsMs: 0 };
    }
  }

  private isProgram(path: string): boolean {
    try {
      return existsSync(this.paths.local(path));
    } catch {
      return false;
    }
  }
}

/** `/bin/sh` and `C:\Windows\System32\CMD.EXE` by their plain names. */
function nameOf(program: string): string {
  return program
    .replace(/^.*[\\/]/, '')
    .replace(/\.exe$/i, '')
    .toLowerCase();
}

function scriptOf(args: string[]): string | undefined {
  const flag = args.findIndex((arg) => /^(-c|\/c|-command|-lc)$/i.test(arg));
  return flag < 0 ? undefined : args.slice(flag + 1).join(' ');
}

/** Words of a line, quotes taken off. */
function split(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(>>|>)|([^\s>"']+)/g)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? match[4]!,
  );
}
