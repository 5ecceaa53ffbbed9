import { exitCodes } from './exit-codes.ts';

/** Runs a program to its end, as a shell expects it of one: output, a reader that leaves, Ctrl-C, exit code. */
export async function runProgram(main: (words: readonly string[]) => Promise<number>): Promise<void> {
  const { stdout, stderr } = process;
  stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    // A reader such as `head` that has enough is no failure.
    if (code === 'EPIPE') process.exit(exitCodes.ok.code);
    stderr.write(`Standard output cannot be written (${code}).\n`, () => process.exit(exitCodes.failed.code));
  });
  // Nobody reads what is told; what is printed may still be read.
  stderr.on('error', () => undefined);
  // A command that waits says what Ctrl-C means there; a second one, and that of all others, ends it.
  process.on('SIGINT', () => {
    if (process.listenerCount('SIGINT') === 1) process.exit(exitCodes.interrupted.code);
  });
  const code = await main(process.argv.slice(2));
  // What was printed is written before the process ends; what still listens ends with it.
  stdout.write('', (error) => {
    if (!error) process.exit(code);
  });
}
