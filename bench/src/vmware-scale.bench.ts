import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { root } from '@polyvirt/tools';
import { measureAtRest } from './at-rest.ts';
import type { Measurement } from './row.ts';
import type { PollerOrders } from './workstation-poller.ts';

const VMS = 200;
const RUNNING = 20;
/** The beat of the agent's reconciliation, and of the poller. */
const BEAT_MS = 30_000;
const METRICS_MS = 5_000;
const CALLS_AT_ONCE = 4;

const run = promisify(execFile);
const simulator = join(root, 'simulators/vmrun/bin');

interface Installation {
  readonly bin: string;
  readonly home: string;
  readonly vmFolder: string;
  readonly vmxFiles: readonly string[];
  readonly env: Record<string, string>;
  calls(): number;
}

/** An agent that looks after two hundred VMs of one Workstation, beside a poller that asks for all of them each beat. */
export const measureVmwareScale: Measurement = async (log) => {
  await using cleanup = new AsyncDisposableStack();
  const host = await installation(cleanup);
  log(`${VMS} VMs, ${RUNNING} of them on`);
  const orders: PollerOrders = {
    vmrun: join(host.bin, 'vmrun'),
    vmxFiles: host.vmxFiles,
    everyMs: BEAT_MS,
    callsAtOnce: CALLS_AT_ONCE,
  };
  const { firstInventory, memory, besidePoller } = await measureAtRest(
    {
      id: 'vmware-bench',
      vms: VMS,
      what: `${VMS} VMs on one Workstation, ${RUNNING} on`,
      polling: 'asking for all each beat',
      agent: {
        args: [join(root, 'apps/vmware-agent/dist/main.js')],
        env: {
          ...host.env,
          POLYVIRT_METRICS_SECONDS: String(METRICS_MS / 1_000),
          POLYVIRT_RECONCILE_SECONDS: String(BEAT_MS / 1_000),
          POLYVIRT_SIMULATED: 'true',
          POLYVIRT_VMRUN_PATH: join(host.bin, 'vmrun'),
          POLYVIRT_VMRUN_CALLS: String(CALLS_AT_ONCE),
          POLYVIRT_VM_PATH: host.vmFolder,
          POLYVIRT_VMWARE_INVENTORY: join(host.home, 'inventory.vmls'),
          POLYVIRT_VMWARE_NETWORKS: join(host.home, 'etc/vmware'),
        },
      },
      poller: {
        args: [join(import.meta.dirname, 'workstation-poller.js'), JSON.stringify(orders)],
        env: host.env,
      },
      measureMs: 60_000,
      calls: host.calls,
    },
    log,
  );
  return [
    firstInventory,
    besidePoller('calls of vmrun', 'callsPerMinute', 'a minute', 0.1),
    besidePoller('CPU with its calls', 'cpuPercent', '% of a core', 0.25),
    memory,
  ];
};

/** The simulator behind scripts that count its calls, with VMs of which some run. */
async function installation(cleanup: AsyncDisposableStack): Promise<Installation> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'polyvirt-bench-vmware-')));
  cleanup.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  const [bin, home, vmFolder, count] = [
    join(folder, 'bin'),
    join(folder, 'home'),
    join(folder, 'vms'),
    join(folder, 'calls'),
  ];
  for (const path of [bin, join(home, 'simulator'), vmFolder]) mkdirSync(path, { recursive: true });
  writeFileSync(count, '');
  for (const program of ['node/vmrun', 'vmcli', 'vmware', 'vmware-vdiskmanager']) {
    const script = `#!/bin/sh\nprintf x >> '${count}'\nexec '${process.execPath}' '${join(simulator, program)}' "$@"\n`;
    const path = join(bin, basename(program));
    writeFileSync(path, script);
    chmodSync(path, 0o755);
  }
  writeFileSync(join(home, 'simulator/knobs.json'), JSON.stringify({ qemuImg: 'never' }));
  const env = { VMRUN_SIMULATOR_HOME: home, NODE_COMPILE_CACHE: join(folder, 'compiled'), HOME: folder };
  const call = (program: string, ...args: string[]) =>
    run(join(bin, program), args, { env: { ...process.env, ...env } });
  await call('vmware-vdiskmanager', '-c', '-s', '1GB', '-a', 'lsilogic', '-t', '0', join(folder, 'disk.vmdk'));
  const disk = readFileSync(join(folder, 'disk.vmdk'));
  const vmxFiles = Array.from({ length: VMS }, (_, index) => {
    const place = join(vmFolder, `vm-${index}`);
    mkdirSync(place);
    writeFileSync(join(place, 'disk.vmdk'), disk);
    writeFileSync(join(place, 'vm.vmx'), vmxOf(`vm ${index}`));
    return join(place, 'vm.vmx');
  });
  cleanup.defer(() => endMonitors(vmxFiles));
  for (const vmx of vmxFiles.slice(0, RUNNING)) await call('vmrun', '-T', 'ws', 'start', vmx, 'nogui');
  return { bin, home, vmFolder, vmxFiles, env, calls: () => statSync(count).size };
}

function vmxOf(name: string): string {
  const entries: Record<string, string> = {
    '.encoding': 'UTF-8',
    'config.version': '8',
    'virtualHW.version': '21',
    displayName: name,
    guestOS: 'other-64',
    memsize: '64',
    'pciBridge0.present': 'TRUE',
    'scsi0.present': 'TRUE',
    'scsi0:0.present': 'TRUE',
    'scsi0:0.fileName': 'disk.vmdk',
    'ethernet0.present': 'TRUE',
    'ethernet0.connectionType': 'nat',
    'floppy0.present': 'FALSE',
  };
  return Object.entries(entries)
    .map(([key, value]) => `${key} = "${value}"\n`)
    .join('');
}

/** Kills the VMs, which are processes of their own. */
async function endMonitors(vmxFiles: readonly string[]): Promise<void> {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const command = existsSync(`/proc/${pid}/cmdline`) ? readCommand(pid) : [];
    if (!/vmware-vmx$/.test(command[0] ?? '') || !vmxFiles.includes(command.at(-1) ?? '')) continue;
    process.kill(Number(pid), 'SIGKILL');
    while (existsSync(`/proc/${pid}`)) await delay(20);
  }
}

function readCommand(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').split('\0');
  } catch {
    return [];
  }
}
