import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { buildIso } from '@polyvirt/hypervisor';
import type { Bench, HostFile } from '@polyvirt/hypervisor/testing';
import type { VmState } from '@polyvirt/contracts';
import { nativeIdOf } from '../inventory/identity.ts';
import { Dictionary } from '../vmx/dictionary.ts';
import { hostProcesses, isMonitor } from '../host/processes.ts';
import { SimulatedWorkstation, readText } from './simulated-workstation.ts';
import { untilGone } from './until-gone.ts';

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
  let spoilt = 0;
  let clones = 0;
  /** Names of VMs that cannot be read now. */
  const odd = new Map<string, string>();
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
    watchPower: async (nativeId) => {
      const folder = dirname(await pathOf(nativeId));
      // It begins with the process and the time, and is moved on when the VM is powered on again.
      const before = readText(join(folder, 'vmware.log'));
      return async () => {
        const log = logOf(folder);
        const since = log.slice(log.indexOf(before) + before.length);
        if (/VMAutomation_PowerOff|Trying hard reset/.test(since)) return 'power-cycle';
        return /PM Soft Off|Trying soft reset/.test(since) ? 'guest-restart' : 'none';
      };
    },
    otherTool: {
      make: async (name) => {
        const vmx = await host.foreignVm(host.vmFolder, name);
        const nativeId = nativeIdOf(vmx, 'linux');
        paths.set(nativeId, vmx);
        return nativeId;
      },
      clone: async (nativeId, name) => {
        clones += 1;
        const [vmx, stem] = [await pathOf(nativeId), `by-hand-${clones}`];
        const clone = join(host.vmFolder, stem, `${stem}.vmx`);
        mkdirSync(dirname(clone));
        await host.vmrun('snapshot', vmx, stem);
        await host.vmrun('clone', vmx, clone, 'linked', `-snapshot=${stem}`, `-cloneName=${name}`);
        const made = nativeIdOf(clone, 'linux');
        paths.set(made, clone);
        return made;
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
      see: async () => {
        const running = await host.vmrun('list');
        return Promise.all(
          vmxFiles(host).map(async (vmx) => {
            const configuration = Dictionary.parse(Buffer.from(readText(vmx)));
            const name = odd.get(vmx) ?? configuration.get('displayName') ?? '';
            return {
              nativeId: nativeIdOf(vmx, 'linux'),
              name,
              state: await stateSeen(host, vmx, configuration, running),
            };
          }),
        );
      },
      makeUnreadable: async (name) => {
        const vmx = await host.foreignVm(host.vmFolder, name);
        const nativeId = nativeIdOf(vmx, 'linux');
        paths.set(nativeId, vmx);
        const whole = readText(vmx);
        odd.set(vmx, name);
        // In turn: a link to itself, of which nobody can say which VM it is; half of a file; and none that is a configuration.
        spoilt += 1;
        const kind = (['loop', 'half', 'nonsense'] as const)[spoilt % 3]!;
        rmSync(vmx);
        if (kind === 'loop') symlinkSync(basename(vmx), vmx);
        else if (kind === 'half') writeFileSync(vmx, whole.slice(0, whole.indexOf('virtualHW')));
        else writeFileSync(vmx, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 10, 0x22, 0xff]));
        return {
          ...(kind !== 'loop' && { nativeId }),
          mend: async () => {
            rmSync(vmx);
            writeFileSync(vmx, whole);
            odd.delete(vmx);
          },
        };
      },
      hide: async (nativeId) => {
        const vmx = await pathOf(nativeId);
        const whole = readText(vmx);
        // As while it is being written.
        writeFileSync(vmx, whole.slice(0, whole.search(/^(config\.version|virtualHW\.version|scsi)/m)));
        return async () => writeFileSync(vmx, whole);
      },
      refuseStart: async (nativeId) => {
        const vmx = await pathOf(nativeId);
        const whole = readText(vmx);
        writeFileSync(
          vmx,
          `${whole}\nscsi1.present = "TRUE"\nscsi1:0.present = "TRUE"\nscsi1:0.fileName = "gone.vmdk"\n`,
        );
        return async () => writeFileSync(vmx, whole);
      },
      suspend: async (nativeId) => void (await host.vmrun('suspend', await pathOf(nativeId), 'hard')),
      crash: async (nativeId) => {
        const vmx = await pathOf(nativeId);
        const monitors = (await hostProcesses()).filter((one) => isMonitor(one) && one.command.at(-1) === vmx);
        for (const { pid } of monitors) {
          process.kill(pid, 'SIGKILL');
          await untilGone(pid);
        }
      },
    },
    files: async () => filesOf(host),
    leftovers: async () => host.files(),
    clean: async () => undefined,
    close: () => host.close(),
  };
}

/** What the product logs of a VM, its earlier runs first. */
const logOf = (folder: string): string =>
  ['vmware-2.log', 'vmware-1.log', 'vmware-0.log', 'vmware.log']
    .map((name) => join(folder, name))
    .map((path) => (existsSync(path) ? readText(path) : ''))
    .join('');

const vmxFiles = (host: SimulatedWorkstation): string[] =>
  host
    .files()
    .filter((path) => path.endsWith('.vmx'))
    .map((path) => join(host.vmFolder, path))
    .filter((path) => {
      try {
        return realpathSync(path) === path;
      } catch {
        return false;
      }
    });

/** By the product's own programs and files alone. */
async function stateSeen(
  host: SimulatedWorkstation,
  vmx: string,
  configuration: Dictionary,
  running: string,
): Promise<VmState> {
  if (running.split('\n').includes(vmx)) {
    const told = await host.call('vmcli', vmx, 'power', 'query', '-f', 'json');
    return told.includes('paused') ? 'paused' : 'running';
  }
  const saved = configuration.get('checkpoint.vmState') ?? '';
  if (saved !== '' && existsSync(join(dirname(vmx), saved))) return 'suspended';
  return configuration.get('cleanShutdown') === 'FALSE' ? 'crashed' : 'stopped';
}

/** Disks and saved state in the folder of VMs, each with the machines whose files name it, or stand on it. */
function filesOf(host: SimulatedWorkstation): HostFile[] {
  const users = new Map<string, Set<string>>();
  const needs = (path: string, nativeId: string): void => {
    const own = users.get(path) ?? new Set();
    if (own.has(nativeId)) return;
    users.set(path, own.add(nativeId));
    if (!path.endsWith('.vmdk') || !existsSync(path)) return;
    const text = readText(path);
    const [, parent] = /^parentFileNameHint="(.*)"$/m.exec(text) ?? [];
    const parts = [...text.matchAll(/^RW \d+ \w+ "([^"]+)"/gm)].map(([, name]) => name!);
    for (const name of [...parts, ...(parent === undefined ? [] : [parent])])
      needs(name.startsWith('/') ? name : join(dirname(path), name), nativeId);
  };
  for (const vmx of vmxFiles(host)) {
    const nativeId = nativeIdOf(vmx, 'linux');
    // Memory of one that runs, and the NVRAM of one whose file does not name it.
    for (const ending of ['.vmem', '.nvram']) {
      const path = vmx.replace(/\.vmx$/, ending);
      if (existsSync(path)) needs(path, nativeId);
    }
    for (const file of [vmx, vmx.replace(/vmx$/, 'vmsd')])
      if (existsSync(file))
        for (const [, name] of readText(file).matchAll(/= "([^"]+\.(?:vmdk|nvram|vmss|vmsn))"/g)) {
          const path = name!.startsWith('/') ? name! : join(dirname(vmx), name!);
          needs(path, nativeId);
          const memory = path.replace(/\.vms[sn]$/, '.vmem');
          if (memory !== path && existsSync(memory)) needs(memory, nativeId);
        }
  }
  const there = readdirSync(host.vmFolder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(vmdk|nvram|vmss|vmsn|vmem)$/.test(path))
    .map((path) => join(host.vmFolder, path));
  // NVRAM comes with the first power-on.
  const gone = [...users.keys()].filter((path) => !/\.nvram$/.test(path) && !existsSync(path));
  return [...there, ...gone].map((path) => ({
    path,
    users: [...(users.get(path) ?? [])],
    ...(gone.includes(path) && { missing: true as const }),
  }));
}
