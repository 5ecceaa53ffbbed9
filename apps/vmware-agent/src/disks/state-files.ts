import { isAbsolute, join, win32 } from 'node:path';
import { exists } from '../inventory/discovery.ts';
import type { Machine } from '../inventory/identity.ts';
import { folderOf, vmsdOf, type Machines } from '../inventory/machines.ts';
import type { Dictionary } from '../vmx/dictionary.ts';

/** Only what VMware writes: a configuration can name any file of the host. */
const isStateFile = (path: string) => /\.(nvram|vmxf|vmsd|vmsn|vmss|vmem|scoreboard)$/i.test(path);

/** Memory stands beside the rest of a state that was saved. */
const memoryOf = (path: string): string[] => (/\.vms[sn]$/i.test(path) ? [path.replace(/\.vms[sn]$/i, '.vmem')] : []);

/**
 * The files beside its disks that a machine's state is in and that are there: NVRAM, in which its TPM keeps what it has too,
 * memory that was saved with a suspend or a snapshot, and what VMware notes of it. They go where the machine goes.
 */
export async function stateFilesOf(
  machine: Machine,
  machines: Pick<Machines, 'configuration' | 'snapshots'>,
): Promise<string[]> {
  const vmx = await machines.configuration(machine);
  const { all } = await machines.snapshots(machine);
  const stem = machine.vmx.replace(/\.vmx$/i, '');
  const named = ['nvram', 'extendedConfigFile', 'checkpoint.vmState', 'vmxstats.filename'].map((key) => vmx.get(key));
  const snapshots = all.map(({ file }) => file);
  const paths = [...named, ...snapshots].flatMap((name) =>
    name === undefined || !isStateFile(name) ? [] : placesOf(machine, vmx, name),
  );
  const usual = [`${stem}.nvram`, `${stem}.vmxf`, `${stem}.vmem`, vmsdOf(machine.vmx)];
  const files = [...new Set([...paths.flatMap((path) => [path, ...memoryOf(path)]), ...usual])];
  const found = await Promise.all(files.map(async (path) => ((await exists(path)) ? path : undefined)));
  return found.filter((path) => path !== undefined);
}

/** A file that is named without a folder may be in that of the VM, or where its configuration has it work. */
function placesOf(machine: Machine, vmx: Dictionary, name: string): string[] {
  const isWhole = (path: string) => isAbsolute(path) || win32.isAbsolute(path);
  if (isWhole(name)) return [name];
  const folder = folderOf(machine);
  const working = vmx.get('workingDir');
  if (working === undefined || working === '' || working === '.') return [join(folder, name)];
  return [join(isWhole(working) ? working : join(folder, working), name), join(folder, name)];
}
