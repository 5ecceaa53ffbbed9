import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Stack } from '@polyvirt/e2e/stack';
import { packAgent, root } from '@polyvirt/tools';
import type { Measurement } from './row.ts';
import { median, ms } from './statistics.ts';

const ROUNDS = 5;
const JOIN_MS = 5_000;
const withinMs = 60_000;

/**
 * From the line that `polyvirt host add` shows to the first machine of the new host in `GET /vms`, on a simulated Workstation with one
 * machine; beside it the start of the agent of a host that has joined before.
 */
export const measureJoin: Measurement = async (log) => {
  const stack = await Stack.start({ agents: [] });
  try {
    const { folder, admin } = stack;
    const home = join(folder, 'workstation');
    const env = {
      PATH: [dirname(process.execPath), process.env['PATH']].join(':'),
      HOME: folder,
      POLYVIRT_AGENT_STATE: join(folder, 'state'),
      POLYVIRT_SIMULATED: 'true',
      POLYVIRT_VMRUN_PATH: join(root, 'simulators/vmrun/bin/vmrun'),
      POLYVIRT_VM_PATH: join(folder, 'vms'),
      POLYVIRT_VMWARE_INVENTORY: join(home, 'inventory.vmls'),
      POLYVIRT_VMWARE_NETWORKS: join(home, 'etc/vmware'),
      VMRUN_SIMULATOR_HOME: home,
    };
    const npm = ['i', '-g', '--prefix', folder, '--offline', '--omit=optional', '--no-audit', '--no-fund'];
    await promisify(execFile)('npm', [...npm, packAgent(folder)], { cwd: folder, env });
    const invite = async (id: string) =>
      (await admin.POST('/api/v1/hosts', { body: { id, hypervisor: 'vmware' } })).data.command.split(' ').slice(1);
    const isListed = async (host: string) => {
      const { data } = await admin.GET('/api/v1/vms', { params: { query: { host } } });
      return data.items.length > 0;
    };
    /** Runs the program until what it is run for is there; answers how long that took. */
    const timed = async (args: readonly string[], isDone: () => Promise<boolean>): Promise<number> => {
      const began = performance.now();
      const child = spawn(join(folder, 'bin/polyvirt-agent'), args, { cwd: folder, env, stdio: 'ignore' });
      const ended = once(child, 'exit');
      try {
        while (!(await isDone())) {
          if (performance.now() - began > withinMs) throw new Error(`polyvirt-agent ${args[0]} took too long`);
          await sleep(10);
        }
        return performance.now() - began;
      } finally {
        child.kill('SIGTERM');
        await ended;
      }
    };
    const seenSince = (hostId: string, since: number) => async () => {
      const { data } = await admin.GET('/api/v1/hosts/{hostId}', { params: { path: { hostId } } });
      return data.state === 'ready' && Date.parse(data.lastSeenAt ?? '') >= since;
    };
    // The machine that every host then has.
    await timed(await invite('lab-0'), seenSince('lab-0', 0));
    const made = timed(['run', 'lab-0'], () => isListed('lab-0'));
    await admin.POST('/api/v1/vms', {
      body: { host: 'lab-0', name: 'web-1', disks: [{ sizeGiB: 1 }], whenOffline: 'queue' },
      params: { header: { Prefer: 'wait=60' } },
    });
    await made;
    log('a Workstation with one machine is there');

    const joined: number[] = [];
    const started: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      const id = `lab-${round}`;
      joined.push(await timed(await invite(id), () => isListed(id)));
      started.push(await timed(['run', id], seenSince(id, Date.now())));
    }
    const [ours, theirs] = [median(joined), median(started)];
    return [
      {
        work: 'polyvirt-agent join, to the first machine listed',
        ours: ms(ours),
        beside: `the same agent, joined before ${ms(theirs)}`,
        ratio: ours / theirs,
        bar: `≤ ${ms(JOIN_MS)}`,
        met: ours <= JOIN_MS,
      },
    ];
  } finally {
    await stack.stop();
  }
};
