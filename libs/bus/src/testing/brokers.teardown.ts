import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Jest's `globalTeardown`: ends the nats-servers of the workers. */
export default async function tearDown(): Promise<void> {
  const folder = process.env.POLYVIRT_TEST_BROKERS;
  if (!folder) return;
  for (const worker of readdirSync(folder)) {
    const state = join(folder, worker, 'state.json');
    if (existsSync(state)) await end((JSON.parse(readFileSync(state, 'utf8')) as { pid: number }).pid, folder);
  }
  rmSync(folder, { recursive: true });
}

async function end(pid: number, folder: string): Promise<void> {
  if (!isOurs(pid, folder)) return;
  process.kill(pid, 'SIGKILL');
  while (isOurs(pid, folder)) await sleep(5);
}

/** Where there is `/proc`, a process that only has the number of one of ours, or has ended, is not taken for it. */
function isOurs(pid: number, folder: string): boolean {
  try {
    if (existsSync('/proc/self/cmdline')) return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
