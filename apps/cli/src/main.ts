import { run } from './run.ts';

// A reader such as `head` that has enough is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
const code = await run(process.argv.slice(2));
// What was printed is written before the process ends; what still listens ends with it.
process.stdout.write('', () => process.exit(code));
