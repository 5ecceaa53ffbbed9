import { Session } from '../host/session.ts';
import { KnobFileFault } from '../knobs/knob-file.ts';

/** BSD's EX_CONFIG. */
const BAD_CONFIGURATION = 78;

/** Runs a program of the installation and leaves with its exit code; a faulty knob file is told on stderr. */
export async function runProgram(program: (session: Session) => Promise<number>): Promise<void> {
  try {
    const exit = await program(new Session());
    // Nothing may keep the command alive once it has answered, a child that holds its pipes least of all.
    process.exit(exit);
  } catch (cause) {
    if (!(cause instanceof KnobFileFault)) throw cause;
    process.stderr.write(`${cause.message}\n`);
    process.exit(BAD_CONFIGURATION);
  }
}
