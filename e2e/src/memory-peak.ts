import { readFileSync, writeFileSync } from 'node:fs';

/** Resets the most that a process has had in memory, in the file of that name. */
const resetPeak = '5';

/** The most memory that a process has had since the last call, in MiB. */
export function peakMiB(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1];
  writeFileSync(`/proc/${pid}/clear_refs`, resetPeak);
  return Number(kib) / 1_024;
}
