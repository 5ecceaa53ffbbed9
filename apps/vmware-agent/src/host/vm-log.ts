import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { orMissing } from '../vmx/dictionary-file.ts';
import { hasProcessFiles, isMonitor, readProcess } from './processes.ts';

/** What a failure or a question leaves is at the end. */
const TAIL_BYTES = 64 * 1_024;
const HEAD_BYTES = 1_024;

const logOf = (vmx: string) => join(dirname(vmx), 'vmware.log');

/** Why the last power-on failed, in the words of the VM's log. */
export async function failureInLog(vmx: string): Promise<string | undefined> {
  const lines = (await tail(logOf(vmx)))?.matchAll(/Msg_Post: Error\s*(.*)/g);
  const reasons = [...(lines ?? [])].map(([, reason]) => reason!.trim()).filter((reason) => reason !== '');
  return reasons.length === 0 ? undefined : [...new Set(reasons)].join('; ');
}

/** The question that the VM asks and nobody answered. */
export async function questionInLog(vmx: string): Promise<string | undefined> {
  const lines = [...((await tail(logOf(vmx)))?.matchAll(/Msg_Question:\s*(.*)/g) ?? [])];
  return lines.at(-1)?.[1]?.trim();
}

/** Whether the process that writes the log still is the VM; undefined where processes cannot be seen. */
export async function isLogged(vmx: string): Promise<boolean | undefined> {
  if (!hasProcessFiles) return undefined;
  const pid = / pid=(\d+) /.exec((await readPart(logOf(vmx), 'head')) ?? '')?.[1];
  if (pid === undefined) return false;
  const found = await readProcess(Number(pid));
  return found !== undefined && isMonitor(found) && found.command.at(-1) === vmx;
}

const tail = (path: string) => readPart(path, 'tail');

async function readPart(path: string, part: 'head' | 'tail'): Promise<string | undefined> {
  const file = await orMissing(open(path, 'r'));
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    const length = Math.min(size, part === 'head' ? HEAD_BYTES : TAIL_BYTES);
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, part === 'head' ? 0 : size - length);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
