import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Dictionary } from '../dictionary/dictionary.ts';
import { chainOf } from '../disks/disk-chain.ts';
import { DiskError } from '../disks/disk-error.ts';
import { adaptersOf, disksOf } from './devices.ts';
import { locationUuid } from './identity.ts';
import { LockFolder } from './lock-folder.ts';
import type { Machine } from './machine.ts';

/** Families of guestOS ids; the product refuses a word that is in none of them. */
const GUESTS =
  /^(arm-)?(ubuntu|debian|rhel|centos|fedora|opensuse|sles?|suse|oraclelinux|oracle|other|windows|win|freebsd|darwin|solaris|vmware-photon|photon|almalinux|rockylinux|asianux|amazonlinux|vmkernel|mandr|turbolinux|dos|netware|os2|longhorn|vista|crxpod|coreos|linux|redhat|redflag)/i;

const ADAPTER_MODELS = /^(e1000e?|vmxnet[23]?|vlance|flexible)$/i;

/** Why the VM cannot power on, as its log tells it; the caller of vmrun sees "canceled" for each of them. */
export function reasonsNotToStart(machine: Machine, configuration: Dictionary): string[] {
  return [
    ...hardwareReasons(machine, configuration),
    ...stateReasons(machine, configuration),
    ...disksOf(configuration).flatMap((disk) => diskReasons(machine, machine.file(disk.fileName))),
  ];
}

/** The question that a moved or copied VM asks when nothing answers it, or undefined. */
export function pendingQuestion(machine: Machine, configuration: Dictionary): string | undefined {
  if (machine.knobs.pendingQuestion === 'yes') return 'msg.simulator.question: This virtual machine asks a question.';
  const location = configuration.get('uuid.location');
  const isMoved = location !== undefined && location !== locationUuid(machine.shown);
  const isAnswered =
    configuration.isTrue('msg.autoAnswer') || /^(create|keep)$/i.test(configuration.get('uuid.action') ?? '');
  if (!isMoved || isAnswered) return undefined;
  return 'msg.uuid.altered: This virtual machine might have been moved or copied.';
}

function hardwareReasons(machine: Machine, configuration: Dictionary): string[] {
  const reasons: string[] = [];
  const hardware = Number(configuration.get('virtualHW.version'));
  if (!(hardware <= machine.knobs.maxHardwareVersion)) {
    reasons.push(`[msg.checkpoint.hwVersion] Virtual hardware version ${hardware} is not supported`);
  }
  const guest = configuration.get('guestOS') ?? 'other';
  if (!GUESTS.test(guest)) reasons.push(`[msg.guestos.badname] Guest operating system '${guest}' is not supported`);
  const memory = Number(configuration.get('memsize') ?? 32);
  if (!(memory >= 4) || memory % 4 !== 0) reasons.push(`[msg.memsize.invalid] Invalid memory size ${memory}`);
  if (configuration.isTrue('nvme0.present') && !hasExpressPorts(configuration)) {
    reasons.push('Device nvme0 requested without secondary PCI slots available');
  }
  for (const { index } of adaptersOf(configuration)) {
    const model = configuration.get(`ethernet${index}.virtualDev`) ?? 'e1000';
    if (!ADAPTER_MODELS.test(model)) reasons.push(`[msg.ethernet.unknownDevice] Unknown network adapter '${model}'`);
  }
  return reasons;
}

const hasExpressPorts = (configuration: Dictionary) =>
  ['4', '5', '6', '7'].some((bridge) => configuration.isTrue(`pciBridge${bridge}.present`));

/** A suspended state that is gone, or that is a snapshot's, cannot be resumed. */
function stateReasons(machine: Machine, configuration: Dictionary): string[] {
  const state = configuration.get('checkpoint.vmState');
  if (!state) return [];
  if (/\.vmss$/i.test(state) && existsSync(machine.file(state))) return [];
  return [`[msg.checkpoint.open] Cannot open checkpoint file '${state}'`];
}

function diskReasons(machine: Machine, path: string): string[] {
  const reasons: string[] = [];
  try {
    for (const layer of chainOf(path, machine.session.paths)) {
      const holders = new LockFolder(layer).holders();
      // Parents are shared for reading: a linked clone runs beside the VM it came from.
      if (layer === path && holders.some((holder) => holder.isAlive)) reasons.push(inUse(layer));
      const isStale = dirname(layer) === machine.folder && holders.some((holder) => !holder.isAlive);
      if (isStale && machine.knobs.staleLock === 'refuse') reasons.push(inUse(layer));
    }
  } catch (cause) {
    if (!(cause instanceof DiskError)) throw cause;
    reasons.push(`[msg.disk.noBackEnd] Cannot open the disk '${cause.path}': ${cause.message}`);
  }
  return reasons;
}

const inUse = (path: string) =>
  `[msg.fileio.lock] Failed to lock the file. The disk '${path}' appears to be in use by another process`;
