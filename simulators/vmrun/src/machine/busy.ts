import { rmSync } from 'node:fs';
import { refusal } from '../command-line/errors.ts';
import { lockHolder, tryLock } from '../host/file-lock.ts';
import { waitUntilGone } from '../host/processes.ts';
import { keyOf } from './run.ts';
import type { Machine } from './machine.ts';

/**
 * Holds the VM for one change. Another change meanwhile is refused or waits, by knob; a hard stop passes a soft one that
 * does not come to an end.
 */
export async function whileBusy<T>(machine: Machine, command: string, work: () => Promise<T>): Promise<T> {
  const path = machine.session.registry.own('busy', keyOf(machine.vmx));
  let isOurs = tryLock(path, command);
  if (!isOurs && command === 'stop' && lockHolder(path)?.note === 'stop') return work();
  if (!isOurs && machine.knobs.busy === 'refuse') throw refusal('in-progress');
  if (!isOurs) await waitUntilGone(() => !(isOurs = tryLock(path, command)));
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
