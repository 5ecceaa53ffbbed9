/**
 * Applies the events of a file to an archive and is interrupted before one of the calls that change the disk.
 *   kill <root> <events> <call>   dies by SIGKILL there; without reaching it, prints how many calls there were
 *   every <root> <events>         stops dead at each call in turn, each time begins again in a folder of its own below
 *                                 the root, and prints the numbers of the calls after which the folders differed
 */
import promises from 'node:fs/promises';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { isDeepStrictEqual } from 'node:util';

const [mode, root, file, call] = process.argv.slice(2);

/** Only calls of the attempt that is under way count; one that was stopped makes no more. */
let attempt = { calls: 0, stopAt: 0 };
const counted = (holder, name) => {
  const original = holder[name];
  holder[name] = function (...rest) {
    attempt.calls += 1;
    if (attempt.calls !== attempt.stopAt) return original.apply(this, rest);
    if (mode === 'kill') process.kill(process.pid, 'SIGKILL');
    attempt.stopped();
    return new Promise(() => {});
  };
};
const mutable = createRequire(import.meta.url)('node:fs/promises');
for (const name of ['mkdir', 'open', 'rename', 'rm', 'symlink']) counted(mutable, name);
const handle = await promises.open(file);
for (const name of ['writeFile', 'sync', 'chmod']) counted(Object.getPrototypeOf(handle), name);
await handle.close();
syncBuiltinESMExports();

const { Archive } = await import('../archive/archive.ts');
const { tree } = await import('./events.ts');
const events = JSON.parse(await promises.readFile(file, 'utf8'));

async function applyAll(folder) {
  const archive = await Archive.open(folder, { warn: () => {} });
  for (const event of events) await archive.apply(event);
}

/** Resolves when everything was applied, or when it stopped before the given call. */
async function applyUntil(folder, stopAt) {
  let stopped;
  const stop = new Promise((resolve) => (stopped = resolve));
  attempt = { calls: 0, stopAt, stopped };
  await Promise.race([applyAll(folder), stop]);
  return attempt.calls;
}

if (mode === 'kill') {
  process.stdout.write(String(await applyUntil(root, Number(call))));
} else {
  const whole = await applyUntil(`${root}/whole`, 0);
  const expected = await tree(`${root}/whole`);
  const different = [];
  for (let stopAt = 1; stopAt <= whole; stopAt += 1) {
    const folder = `${root}/${stopAt}`;
    await applyUntil(folder, stopAt);
    await applyUntil(folder, 0);
    if (!isDeepStrictEqual(await tree(folder), expected)) different.push(stopAt);
  }
  process.stdout.write(JSON.stringify({ calls: whole, different }));
}
