// Preloaded into `npm start`, gives each service that it starts the clock that a file of the service's name says: so many
// milliseconds ahead. What measures durations goes on as ever, as it does where a real clock is wrong.
import childProcess from 'node:child_process';
import { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

const here = new URL(import.meta.url);
const folder = here.searchParams.get('folder');
const service = here.searchParams.get('service');

if (service === null) {
  const { spawn } = childProcess;
  childProcess.spawn = (program, args, options) => {
    const name =
      Array.isArray(args) && args.map((one) => /apps\/([^/]+)\/dist\/main\.js$/.exec(one)?.[1]).find(Boolean);
    if (!name) return spawn(program, args, options);
    const own = new URL(here);
    own.searchParams.set('service', name);
    return spawn(program, ['--import', own.href, ...args], options);
  };
  syncBuiltinESMExports();
} else {
  const aheadMs = Number(read(join(folder, service)));
  if (aheadMs !== 0) setAhead(aheadMs);
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '0';
  }
}

function setAhead(aheadMs) {
  const Real = Date;
  const now = () => Real.now() + aheadMs;
  globalThis.Date = new Proxy(Real, {
    construct: (target, args, as) => Reflect.construct(target, args.length === 0 ? [now()] : args, as),
    apply: () => new Real(now()).toString(),
    get: (target, name, as) => (name === 'now' ? now : Reflect.get(target, name, as)),
  });
}
