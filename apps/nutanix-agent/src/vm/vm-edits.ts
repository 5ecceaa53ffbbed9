import { ProblemError, type VmState } from '@polyvirt/contracts';
import { gibOf } from '@polyvirt/hypervisor';
import { objectAt, objectsAt, textAt, type JsonObject } from '../client/json.ts';
import {
  bytesOf,
  cpusOf,
  cpusPerSocket,
  isDisk,
  macOf,
  memoryOf,
  namedDevices,
  nameOf,
  resourcesOf,
} from './vm-reader.ts';
import { nicSpec, sizeSpec, type NicPlan } from './vm-spec.ts';

const GIB = 1024 ** 3;

export interface Growth {
  readonly device: string;
  /** Of the disk of that name, where Prism shows it. */
  readonly uuid?: string;
  readonly sizeGiB: number;
}

/** What is to become of a VM, with networks looked up and MAC addresses chosen. */
export interface Changes {
  readonly name?: string;
  readonly cpus?: number;
  readonly memoryMiB?: number;
  readonly disks: readonly Growth[];
  readonly addNics: readonly (NicPlan & { readonly mac: string })[];
  readonly removeNics: readonly string[];
}

/** Growths with the disks that they mean, by the names under which the VM shows them. */
export function growthsOf(entity: JsonObject, wishes: readonly { device: string; sizeGiB: number }[]): Growth[] {
  const shown = namedDevices(resourcesOf(entity));
  return wishes.map(({ device, sizeGiB }) => {
    const uuid = textAt(shown.find((one) => one.device === device)?.disk, 'uuid');
    return { device, ...(uuid === undefined ? {} : { uuid }), sizeGiB };
  });
}

/** @throws ProblemError for a device that is not there, a disk that would shrink, and what only a VM that is off takes. */
export function demandPossible(entity: JsonObject, state: VmState, changes: Changes): void {
  const resources = resourcesOf(entity);
  const disks = namedDevices(resources).filter(({ disk }) => isDisk(disk));
  for (const [index, { device, sizeGiB }] of changes.disks.entries()) {
    const found = disks.find((one) => one.device === device);
    if (!found)
      throw new ProblemError(
        'device-not-found',
        `There is no disk ${device}. ${disks.length > 0 ? `There is: ${disks.map((one) => one.device).join(', ')}.` : 'There is none.'}`,
        { errors: [{ pointer: `/disks/${index}/device`, detail: 'Not there.' }] },
      );
    const bytes = bytesOf(found.disk);
    if (bytes === undefined)
      throw new ProblemError(
        'host-rejected',
        `Prism Central does not say how large the disk ${device} is, and a disk only grows. Look at it in Prism Central.`,
      );
    if (sizeGiB * GIB < bytes)
      throw new ProblemError('invalid-input', `The disk ${device} has ${gibOf(bytes)} GiB, and a disk only grows.`, {
        errors: [{ pointer: `/disks/${index}/sizeGiB`, detail: `At least ${Math.ceil(bytes / GIB)}.` }],
      });
  }
  const macs = objectsAt(resources, 'nic_list').map(macOf);
  for (const [index, mac] of changes.removeNics.entries())
    if (!macs.includes(mac))
      throw new ProblemError('device-not-found', `There is no interface with the MAC address ${mac}.`, {
        errors: [{ pointer: `/removeNics/${index}`, detail: 'Not there.' }],
      });
  for (const [index, { mac }] of changes.addNics.entries())
    if (macs.includes(mac))
      throw new ProblemError('invalid-input', `The VM already has an interface ${mac}.`, {
        errors: [{ pointer: `/addNics/${index}/mac`, detail: 'In use.' }],
      });
  if (state !== 'stopped') demandLive(resources, changes);
}

/** AHV adds to a running VM and takes nothing away from it. */
function demandLive(resources: JsonObject, { cpus, memoryMiB }: Changes): void {
  const hasHotAdd = resources['cpu_hotplug_enabled'] !== false;
  const each = cpusPerSocket(resources) ?? 1;
  const now = { cpus: cpusOf(resources), memoryMiB: memoryOf(resources) };
  // What Prism does not say it has to judge itself.
  const refused = [
    ...(cpus !== undefined &&
    now.cpus !== undefined &&
    cpus !== now.cpus &&
    (cpus < now.cpus || cpus % each !== 0 || !hasHotAdd)
      ? [`${cpus} CPUs instead of ${now.cpus}`]
      : []),
    ...(memoryMiB !== undefined &&
    now.memoryMiB !== undefined &&
    memoryMiB !== now.memoryMiB &&
    (memoryMiB < now.memoryMiB || !hasHotAdd)
      ? [`${memoryMiB} MiB of memory instead of ${now.memoryMiB}`]
      : []),
  ];
  if (refused.length > 0)
    throw new ProblemError(
      'wrong-state',
      `A running VM on AHV does not take ${refused.join(' and ')}. Stop it first, then change it.`,
    );
}

/** Whether the VM is what the changes ask for; that its spec says so may be a wish of before that has failed. */
export const isSo = (entity: JsonObject, changes: Changes): boolean =>
  !applyChanges({ name: nameOf(entity), resources: structuredClone(resourcesOf(entity)) }, changes);

/** Writes the changes into the spec; false when it says all of it already. What is not named stays as it is. */
export function applyChanges(spec: JsonObject, changes: Changes): boolean {
  const resources = objectAt(spec, 'resources');
  const done = [
    rename(spec, changes.name),
    setCpus(resources, changes.cpus),
    setMemory(resources, changes.memoryMiB),
    ...changes.disks.map((growth) => grow(resources, growth)),
    ...changes.addNics.map((nic) => addNic(resources, nic)),
    ...changes.removeNics.map((mac) => removeNic(resources, mac)),
  ];
  return done.includes(true);
}

function rename(spec: JsonObject, name: string | undefined): boolean {
  if (name === undefined || spec['name'] === name) return false;
  spec['name'] = name;
  return true;
}

/** Keeps cores and threads where they divide the CPUs; a socket has one of each otherwise. */
function setCpus(resources: JsonObject, cpus: number | undefined): boolean {
  if (cpus === undefined || cpusOf(resources) === cpus) return false;
  const each = cpusPerSocket(resources) ?? cpus + 1;
  if (cpus % each === 0) resources['num_sockets'] = cpus / each;
  else Object.assign(resources, { num_sockets: cpus, num_vcpus_per_socket: 1, num_threads_per_core: 1 });
  return true;
}

function setMemory(resources: JsonObject, memoryMiB: number | undefined): boolean {
  if (memoryMiB === undefined || resources['memory_size_mib'] === memoryMiB) return false;
  resources['memory_size_mib'] = memoryMiB;
  return true;
}

function grow(resources: JsonObject, { device, uuid, sizeGiB }: Growth): boolean {
  const disks = namedDevices(resources).filter(({ disk }) => isDisk(disk));
  const found =
    disks.find(({ disk }) => uuid !== undefined && disk['uuid'] === uuid) ??
    disks.find((one) => one.device === device && (uuid === undefined || one.disk['uuid'] === undefined));
  if (!found || (bytesOf(found.disk) ?? 0) >= sizeGiB * GIB) return false;
  Object.assign(found.disk, sizeSpec(sizeGiB));
  return true;
}

function addNic(resources: JsonObject, nic: NicPlan & { readonly mac: string }): boolean {
  const nics = objectsAt(resources, 'nic_list');
  if (nics.some((one) => macOf(one) === nic.mac)) return false;
  resources['nic_list'] = [...nics, nicSpec(nic)];
  return true;
}

function removeNic(resources: JsonObject, mac: string): boolean {
  const nics = objectsAt(resources, 'nic_list');
  const left = nics.filter((nic) => macOf(nic) !== mac);
  resources['nic_list'] = left;
  return left.length < nics.length;
}
