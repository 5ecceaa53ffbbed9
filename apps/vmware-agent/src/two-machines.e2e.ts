import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from '@jest/globals';
import { bundled } from '@polyvirt/agent-kit/testing';
import { storiesOn, type Stack } from '@polyvirt/e2e/story';
import { bringImages, longMs, workWithTwoMachines, type Guest } from '@polyvirt/e2e/two-machines';
import { isoOf } from '@polyvirt/hypervisor/testing';
import { run } from '@polyvirt/tools';
import { SimulatedWorkstation } from './testing/simulated-workstation.ts';

const host = 'workstation-a';
const sectorBytes = 512;
let workstation: SimulatedWorkstation | undefined;

const story = storiesOn(async () => {
  const installation = (workstation = new SimulatedWorkstation());
  const { vmrunPath, vmFolder, templateFolder, imageFolder, places } = installation.options();
  const settings = {
    PATH: installation.env['PATH']!,
    NODE_COMPILE_CACHE: installation.env['NODE_COMPILE_CACHE']!,
    VMRUN_SIMULATOR_HOME: installation.home,
    POLYVIRT_SIMULATED: 'true',
    POLYVIRT_VMRUN_PATH: vmrunPath!,
    POLYVIRT_VM_PATH: vmFolder,
    POLYVIRT_TEMPLATE_PATH: templateFolder!,
    POLYVIRT_IMAGE_PATH: imageFolder!,
    POLYVIRT_VMWARE_INVENTORY: places!.inventory!,
    POLYVIRT_VMWARE_NETWORKS: places!.networks!,
  };
  const entry = bundled(fileURLToPath(new URL('../dist/main.js', import.meta.url)));
  return { agents: [{ kind: 'own', id: host, entry, settings }] };
});

// After the stack, whose agent looks at its machines.
afterAll(() => workstation?.close());

/** The simulator runs no guests: what one would write is written into the file of its disk. */
function guestOf({ admin, folder }: Stack, vmId: string): Guest {
  const file = join(folder, 'sector');
  const pathOf = async (device: string) => {
    const { data } = await admin.GET('/api/v1/vms/{vmId}', { params: { path: { vmId } } });
    return data.disks.find((disk) => disk.device === device)!.path!;
  };
  return {
    write: async (device, words) => {
      await writeFile(file, `${words}\n`.padEnd(sectorBytes, '\0'));
      await run('qemu-io', ['-f', 'vmdk', '-c', `write -s ${file} 0 ${sectorBytes}`, await pathOf(device)]);
    },
    read: async (device) => {
      const part = [`bs=${sectorBytes}`, 'count=1', `if=${await pathOf(device)}`, `of=${file}`];
      await run('qemu-img', ['dd', '-f', 'vmdk', '-O', 'raw', ...part]);
      return (await readFile(file, 'utf8')).split('\n')[0]!;
    },
  };
}

story(
  'works with two machines on Workstation as a person does: what one writes to a disk, the other reads',
  async (stack) => {
    const { admin: client, folder, prefix } = stack;
    const [iso, image] = [join(folder, 'boot.iso'), join(folder, 'small.raw')];
    await writeFile(iso, isoOf(2 ** 20));
    await writeFile(image, Buffer.alloc(2 ** 20));
    const place = { client, host, prefix, iso, image, sitAt: async ({ id }: { id: string }) => guestOf(stack, id) };
    await bringImages(place);
    await workWithTwoMachines(place);
  },
  longMs,
);
