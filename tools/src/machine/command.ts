import { execFile } from 'node:child_process';

/** A program that ran and failed, or ran out of time. The message carries the end of what it printed. */
export class CommandFailed extends Error {
  readonly exitCode: number | undefined;

  constructor(message: string, exitCode: number | undefined, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandFailed';
    this.exitCode = exitCode;
  }
}

/** Options of {@link run}. */
export interface RunOptions {
  /** The program is killed after this time. Default: one minute. */
  timeoutMs?: number;
  /** Working directory. Default: that of this process. */
  cwd?: string;
  /** Added to the environment of this process. */
  env?: NodeJS.ProcessEnv;
  /** Kills the program when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** Runs a program without a shell and resolves with its standard output; throws {@link CommandFailed} unless it exits with 0. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { timeoutMs = 60_000, cwd, env, signal } = options;
  return new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      {
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        cwd,
        env: { ...process.env, ...env },
        ...(signal && { signal }),
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const why = error.killed
          ? `did not end within ${timeoutMs / 1000} s`
          : `failed (${error.code ?? error.signal})`;
        // Some programs tell their errors on standard output.
        const said = [stdout.trim(), stderr.trim()].filter(Boolean).join('\n').slice(-4000);
        reject(
          new CommandFailed(
            `${program} ${args.join(' ')} ${why}${said === '' ? '' : `: ${said}`}`,
            typeof error.code === 'number' ? error.code : undefined,
            { cause: error },
          ),
        );
      },
    );
  });
}
