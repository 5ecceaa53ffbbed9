import { readdir, readFile } from 'node:fs/promises';
import { CommandFailed, run } from '../machine/command.ts';
import { endProcess, identityOf } from '../machine/process-identity.ts';
import { failure, PASSED, type Outcome } from './outcome.ts';

/** Passed on in the environment, it tells every process of this run, however it was detached. */
export const MARK = 'TEST_RUN_ID';

/** What there is on the machine that tests may leave behind. */
export type Belongings = Set<string>;

/** Domains, networks, pools and volumes of libvirt, and what is in the folder for temporary files. */
export async function belongings(temporaryFiles: string, withLibvirt: boolean): Promise<Belongings> {
  const found = (await readdir(temporaryFiles))
    .filter((name) => name.startsWith('polyvirt-'))
    .map((name) => `folder ${name}`);
  if (withLibvirt) {
    const virsh = async (...args: string[]) =>
      (await run('virsh', ['-q', '-c', 'qemu:///system', ...args]))
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean);
    found.push(...(await virsh('list', '--all', '--name')).map((name) => `domain ${name}`));
    found.push(...(await virsh('net-list', '--all', '--name')).map((name) => `network ${name}`));
    found.push(...(await virsh('pool-list', '--all', '--name')).map((name) => `pool ${name}`));
    for (const pool of await virsh('pool-list', '--name')) {
      // A pool that somebody else works with right now cannot be refreshed, or is gone by now.
      await virsh('pool-refresh', pool).catch(ignoreRefusal);
      const volumes = await virsh('vol-list', pool).catch(ignoreRefusal);
      // An image stays when it was used once, so that it need not be copied again.
      found.push(
        ...volumes.map((line) => `volume ${pool}/${line.split(/\s+/)[0]}`).filter((name) => !name.includes('/image-')),
      );
    }
  }
  return new Set(found);
}

function ignoreRefusal(error: unknown): string[] {
  if (!(error instanceof CommandFailed)) throw error;
  return [];
}

/** Fails when something is there that was not there before, or a process of this run still lives; the processes are ended. */
export async function nothingIsLeft(before: Belongings, after: Belongings, runId: string): Promise<Outcome> {
  const left = [...after].filter((name) => !before.has(name));
  for (const pid of await processesOf(runId)) {
    const process_ = identityOf(pid);
    if (process_ === undefined) continue;
    left.push(
      `process ${pid} ${(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim()}`,
    );
    await endProcess(process_);
  }
  return left.length === 0 ? PASSED : failure(`\n  ${left.join('\n  ')}`);
}

async function processesOf(runId: string): Promise<number[]> {
  if (process.platform !== 'linux') return [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const marked = await Promise.all(
    pids.map(async (pid) => {
      // Processes end while they are looked at, and those of other users cannot be read.
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      return environment.split('\0').includes(`${MARK}=${runId}`);
    }),
  );
  return pids.filter((pid, index) => marked[index] && pid !== process.pid);
}
