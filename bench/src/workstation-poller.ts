import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * The peer of the agent of Workstation: asks vmrun for everything on each beat. Gets its orders as JSON in its first argument.
 */
export interface PollerOrders {
  readonly vmrun: string;
  readonly vmxFiles: readonly string[];
  /** Between two beats. */
  readonly everyMs: number;
  readonly callsAtOnce: number;
}

const run = promisify(execFile);
const { vmrun, vmxFiles, everyMs, callsAtOnce } = JSON.parse(process.argv[2]!) as PollerOrders;

/** A VM that is off refuses some questions; a naive poller asks them all the same. */
const ask = (...args: string[]): Promise<string> =>
  run(vmrun, ['-T', 'ws', ...args]).then(
    ({ stdout }) => stdout,
    () => '',
  );

async function look(vmx: string, isRunning: boolean): Promise<void> {
  await readFile(vmx);
  await ask('listSnapshots', vmx, 'showTree');
  if (isRunning) await ask('getGuestIPAddress', vmx);
}

process.stdout.write('begun\n');
for (;;) {
  const began = performance.now();
  const running = new Set((await ask('list')).split('\n').slice(1));
  const waiting = [...vmxFiles];
  const worker = async () => {
    for (let vmx = waiting.shift(); vmx !== undefined; vmx = waiting.shift()) await look(vmx, running.has(vmx));
  };
  await Promise.all(Array.from({ length: callsAtOnce }, worker));
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, everyMs - (performance.now() - began))));
}
