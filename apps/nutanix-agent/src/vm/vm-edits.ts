import { ProblemError, type VmState } from '@polyvirt/contracts';
import { numberAt, objectAt, objectsAt, type JsonObject } from '../client/json.ts';
import { bytesOf, cpusOf, deviceOf, isDisk, macOf, nameOf } from './vm-reader.ts';
import { nicSpec, sizeSpec, type NicPlan } from './vm-spec.ts';

const GIB = 1024 ** 3;

/** What is to become of a VM, with networks looked up and MAC addresses chosen. */
export interface Changes {
  readonly name?: string;
  readonly cpus?: number;
  readonly memoryMiB?: number;
  readonly disks: readonly { readonly device: string; readonly sizeGiB: number }[];
  readonly addNics: readonly (NicPlan & { readonly mac: string })[];
  readonly removeNics: readonly string[];
}

/** @throws ProblemError for a device that is not there, a disk that would shrink, and what only a VM that is off takes. */
export function demandPossible(entity: JsonObject, state: VmState, changes: Changes): void {
  const resources = objectAt(objectAt(entity, 'spec'), 'resources');
  const disks = objectsAt(resources, 'disk_list').filter(isDisk);
  for (const [index, { device, sizeGiB }] of changes.disks.entries()) {
    const disk = disks.find((candidate) => deviceOf(candidate) === device);
    if (!disk)
      throw new ProblemError(
        'device-not-found',
        `There is no disk ${device}. ${disks.length > 0 ? `There is: ${disks.map(deviceOf).join(', ')}.` : 'There is none.'}`,
      );
    const least = bytesOf(disk) / GIB;
    if (sizeGiB < least)
      throw new ProblemError('invalid-input', `The disk ${device} has ${least} GiB, and a disk only grows.`, {
        errors: [{ pointer: `/disks/${index}/sizeGiB`, detail: `At least ${Math.ceil(least)}.` }],
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
  const cores = numberAt(resources, 'num_vcpus_per_socket') ?? 1;
  const now = { cpus: cpusOf(resources), memoryMiB: numberAt(resources, 'memory_size_mib') ?? 0 };
  const refused = [
    ...(cpus !== undefined && cpus !== now.cpus && (cpus < now.cpus || cpus % cores !== 0 || !hasHotAdd)
      ? [`${cpus} CPUs instead of ${now.cpus}`]
      : []),
    ...(memoryMiB !== undefined && memoryMiB !== now.memoryMiB && (memoryMiB < now.memoryMiB || !hasHotAdd)
      ? [`${memoryMiB} MiB of memory instead of ${now.memoryMiB}`]
      : []),
  ];
  if (refused.length > 0)
    throw new ProblemError(
      'wrong-state',
      `A running VM on AHV does not take ${refused.join(' and ')}. Stop it first, then change it.`,
    );
}

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
  if (name === undefined || nameOf({ spec }) === name) return false;
  spec['name'] = name;
  return true;
}

function setCpus(resources: JsonObject, cpus: number | undefined): boolean {
  if (cpus === undefined || cpusOf(resources) === cpus) return false;
  const cores = numberAt(resources, 'num_vcpus_per_socket') ?? 1;
  const keepsCores = cpus % cores === 0;
  resources['num_sockets'] = keepsCores ? cpus / cores : cpus;
  resources['num_vcpus_per_socket'] = keepsCores ? cores : 1;
  return true;
}

function setMemory(resources: JsonObject, memoryMiB: number | undefined): boolean {
  if (memoryMiB === undefined || resources['memory_size_mib'] === memoryMiB) return false;
  resources['memory_size_mib'] = memoryMiB;
  return true;
}

function grow(resources: JsonObject, { device, sizeGiB }: { device: string; sizeGiB: number }): boolean {
  const disk = objectsAt(resources, 'disk_list').find((one) => isDisk(one) && deviceOf(one) === device);
  if (!disk || bytesOf(disk) >= sizeGiB * GIB) return false;
  Object.assign(disk, sizeSpec(sizeGiB));
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
