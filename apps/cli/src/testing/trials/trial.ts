import { expect } from '@jest/globals';
import type { Installation, Run, RunOptions } from '../installation.ts';

/** A command on its way, and what it needs. */
export class Trial {
  constructor(
    readonly cli: Installation,
    private readonly run: Run,
    /** What nothing else is called in this trial's way. */
    readonly name: string,
    readonly inTerminal: boolean,
  ) {}

  /** Runs the command, which has to end well, and answers what it shows. */
  readonly done = (args: readonly string[], options?: RunOptions): Promise<string> => this.ends(0, args, options);

  /** The same for another exit code. */
  async ends(exitCode: number, args: readonly string[], options?: RunOptions): Promise<string> {
    const shown = await this.run(args, options);
    expect(shown).toEqual({ exitCode, text: expect.any(String) });
    return shown.text;
  }
}

/** Tries one command. */
export type Trials = Readonly<Record<string, (trial: Trial) => Promise<void>>>;

const lookEveryMs = 100;
/** Longer than the slowest machine takes. */
const patienceMs = 50_000;

/** Looks again and again until it throws no more. */
export async function eventually(look: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}
