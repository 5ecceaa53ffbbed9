import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../host/processes.ts';

const LOOK_MS = 10;

export async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(LOOK_MS);
}
