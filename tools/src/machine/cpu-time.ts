import { readdir, readFile } from 'node:fs/promises';
import { run } from './command.ts';

/**
 * How much CPU a process has had since it began, in milliseconds; on Linux with what it has waited for while others had it, which
 * tells a process that is kept waiting from one that wants nothing. Undefined when there is no such process, or nobody tells.
 */
export async function wantedCpuMs(pid: number): Promise<number | undefined> {
  try {
    if (process.platform === 'linux') return await fromProc(pid);
    if (process.platform === 'win32') return 1_000 * numberIn(await run('powershell', windowsQuestion(pid)));
    return secondsOf(await run('ps', ['-o', 'time=', '-p', String(pid)])) * 1_000;
  } catch {
    // It has ended, or this system does not say.
    return undefined;
  }
}

async function fromProc(pid: number): Promise<number> {
  const folder = `/proc/${pid}/task`;
  let nanoseconds = 0;
  for (const task of await readdir(folder)) {
    // Nanoseconds on the CPU, nanoseconds in the queue for it, turns.
    const [ran, waited] = (await readFile(`${folder}/${task}/schedstat`, 'utf8').catch(() => '0 0')).split(' ');
    nanoseconds += Number(ran) + Number(waited);
  }
  return nanoseconds / 1e6;
}

const windowsQuestion = (pid: number) => [
  '-NoProfile',
  '-Command',
  `(Get-Process -Id ${pid}).TotalProcessorTime.TotalSeconds.ToString([cultureinfo]::InvariantCulture)`,
];

/** `0:01.52`, `1-02:03:04`. */
export function secondsOf(text: string): number {
  const [days, rest] = text.includes('-') ? text.trim().split('-') : ['0', text.trim()];
  const parts = (rest ?? '').split(':').map(numberIn);
  return parts.reduce((sum, part) => sum * 60 + part, 0) + Number(days) * 86_400;
}

function numberIn(text: string): number {
  const value = Number(text.trim());
  if (text.trim() === '' || Number.isNaN(value)) throw new Error(`"${text}" is no number`);
  return value;
}
