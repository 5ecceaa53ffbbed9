import type { Dictionary } from '../dictionary/dictionary.ts';
import type { Clock } from '../host/clock.ts';
import type { GuestProcess, Run } from '../machine/run.ts';

export function isWindowsGuest(configuration: Dictionary): boolean {
  return /^(win|longhorn|vista)/i.test(configuration.get('guestOS') ?? '');
}

/** What runs in a guest that has just booted. */
export function initialProcesses(configuration: Dictionary): GuestProcess[] {
  return isWindowsGuest(configuration)
    ? [
        { pid: 0, owner: '', command: '[System Process]', exitCode: 0 },
        { pid: 4, owner: 'NT AUTHORITY\\SYSTEM', command: 'System', exitCode: 0 },
      ]
    : [
        { pid: 1, owner: 'root', command: '/sbin/init', exitCode: 0 },
        { pid: 2, owner: 'root', command: 'kthreadd', exitCode: 0 },
      ];
}

/** Processes that have not ended by themselves. */
export function liveProcesses(run: Run, clock: Clock): GuestProcess[] {
  const now = clock.now();
  return run.processes.filter((process) => process.endsAt === undefined || process.endsAt > now);
}
