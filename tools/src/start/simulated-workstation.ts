import { join } from 'node:path';
import { run } from '../machine/command.ts';
import { root } from '../places.ts';

const BIN = join(root, 'simulators/vmrun/bin');

const homeOf = (folder: string) => join(folder, 'home');

/** Environment of an agent that is to find the simulator in place of VMware Workstation, with everything below `folder`. */
export function settingsOfSimulator(folder: string): Record<string, string> {
  const home = homeOf(folder);
  return {
    POLYVIRT_SIMULATED: 'true',
    POLYVIRT_VMRUN_PATH: join(BIN, 'vmrun'),
    POLYVIRT_VM_PATH: join(folder, 'vms'),
    POLYVIRT_VMWARE_INVENTORY: join(home, 'inventory.vmls'),
    POLYVIRT_VMWARE_NETWORKS: join(home, 'etc/vmware'),
    VMRUN_SIMULATOR_HOME: home,
  };
}

/** Suspends what runs: machines of the simulator are processes, and would outlive the stack that made them. */
export async function suspendSimulated(folder: string): Promise<void> {
  const vmrun = (...args: string[]) =>
    run(process.execPath, [join(BIN, 'node/vmrun'), '-T', 'ws', ...args], {
      env: { VMRUN_SIMULATOR_HOME: homeOf(folder) },
    });
  const [, ...running] = (await vmrun('list')).trim().split('\n');
  const outcomes = await Promise.allSettled(running.map((vmx) => vmrun('suspend', vmx, 'hard')));
  // One that cannot be suspended is switched off.
  await Promise.all(
    outcomes.map(async ({ status }, n) => status === 'rejected' && (await vmrun('stop', running[n]!, 'hard'))),
  );
}
