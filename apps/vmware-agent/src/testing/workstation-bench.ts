import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { buildIso } from '@polyvirt/hypervisor';
import type { Bench } from '@polyvirt/hypervisor/testing';
import { nativeIdOf } from '../inventory/identity.ts';
import { Dictionary } from '../vmx/dictionary.ts';
import { SimulatedWorkstation, readText } from './simulated-workstation.ts';

const prefix = 'pvbench-';
const LOOK_EVERY_MS = 50;

/** A host for the conformance suite: the simulator, with images and a template. */
export async function openWorkstationBench(): Promise<Bench> {
  const host = new SimulatedWorkstation();
  await host.call(
    ...(['vmware-vdiskmanager', '-c', '-s', '48MB', '-a', 'lsilogic', '-t', '0'] as const),
    join(host.imageFolder, 'tiny-linux.vmdk'),
  );
  writeFileSync(
    join(host.imageFolder, 'tools.iso'),
    buildIso('TOOLS', [{ name: 'readme', content: Buffer.from('tools\n') }]),
  );
  const template = `${prefix}template`;
  await host.foreignVm(host.templateFolder, template, {}, true);
  // A guest without a disk to boot from has no Tools, and hears no power button.
  const deaf = { machines: [{ vmx: '*deaf*', tools: 'absent' }] };
  host.set(deaf);
  const paths = new Map<string, string>();
  const pathOf = async (nativeId: string) => {
    const known = paths.get(nativeId);
    if (known !== undefined) return known;
    for (const path of host.files().filter((one) => one.endsWith('.vmx'))) {
      const vmx = join(host.vmFolder, path);
      paths.set(nativeIdOf(vmx, 'linux'), vmx);
    }
    return paths.get(nativeId)!;
  };

  return {
    open: () => host.open(),
    prefix,
    image: 'tiny-linux',
    iso: 'tools',
    network: 'vmnet8',
    template,
    memoryMiB: 64,
    guestReady: async (nativeId) => {
      const vmx = await pathOf(nativeId);
      while (!/running/.test(await host.vmrun('checkToolsState', vmx))) await delay(LOOK_EVERY_MS);
    },
    otherTool: {
      make: async (name) => {
        const vmx = await host.foreignVm(host.vmFolder, name);
        const nativeId = nativeIdOf(vmx, 'linux');
        paths.set(nativeId, vmx);
        return nativeId;
      },
      rename: async (nativeId, name) => {
        const vmx = await pathOf(nativeId);
        const configuration = Dictionary.parse(Buffer.from(readText(vmx)));
        configuration.set('displayName', name);
        writeFileSync(`${vmx}.new`, configuration.bytes());
        renameSync(`${vmx}.new`, vmx);
      },
      powerOff: async (nativeId) => void (await host.vmrun('stop', await pathOf(nativeId), 'hard')),
      remove: async (nativeId) => {
        const vmx = await pathOf(nativeId);
        await host.vmrun('deleteVM', vmx);
        rmSync(dirname(vmx), { recursive: true, force: true });
      },
    },
    leftovers: async () => host.files(),
    clean: async () => undefined,
    close: () => host.close(),
  };
}
