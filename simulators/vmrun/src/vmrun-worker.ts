import { parseArguments } from './command-line/arguments.ts';
import { answerFromWorker } from './command-line/hand-over.ts';
import { runProgram } from './command-line/program.ts';
import { answerTo } from './vmrun.ts';

/** The work of one vmrun that was handed over: `killedCall` is `goes-on`. */
await runProgram(async (session) => {
  await answerFromWorker(await answerTo(session, parseArguments(process.argv.slice(2)), true));
  return 0;
});
