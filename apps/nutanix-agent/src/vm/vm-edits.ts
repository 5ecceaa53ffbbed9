import { ProblemError, type VmState } from '@polyvirt/contracts';
import { gibOf } from '@polyvirt/hypervisor';
import { objectAt, objectsAt, textAt, type JsonObject } from '../client/json.ts';
import {
  addressesOf,
  addressOf,
  bytesOf,
  cpusOf,
  cpusPerSocket,
  isDisk,
  macOf,
  memoryOf,
  namedDevices,
  nameOf,
  resourcesOf,
  subnetOf,
} from './vm-reader.ts';
import { isTemplate } from './template-mark.ts';
import { diskSpec, driveOf, nicSpec, setMedium, sizeSpec, type DiskPlan, type NicPlan } from './vm-spec.ts';

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
  readonly changeNics: readonly NicEdit[];
  /** With the SCSI indexes that were free. */
  readonly addDisks: readonly (DiskPlan & { readonly index: number })[];
  readonly removeDisks: readonly Pick<Growth, 'device' | 'uuid'>[];
  /** UUID of the ISO image, null for an empty drive. */
  readonly cdrom?: string | null;
  /** In Prism's words. */
  readonly bootOrder?: readonly string[];
  readonly template?: boolean;
}

export interface NicEdit {
  readonly mac: string;
  readonly subnet?: string;
  readonly address?: string;
  readonly connected?: boolean;
}

export const noChanges: Changes = {
  disks: [],
  addNics: [],
  removeNics: [],
  changeNics: [],
  addDisks: [],
  removeDisks: [],
};

/** Wishes with the disks that they mean, by the names under which the VM shows them. */
export function meantBy<Wish extends { readonly device: string }>(
  entity: JsonObject,
  wishes: readonly Wish[],
): (Wish & { readonly uuid?: string })[] {
  const shown = namedDevices(resourcesOf(entity));
  return wishes.map((wish) => {
    const uuid = textAt(shown.find((one) => one.device === wish.device)?.disk, 'uuid');
    return { ...wish, ...(uuid === undefined ? {} : { uuid }) };
  });
}

/** @throws ProblemError for a device that is not there, a disk that would shrink, and what only a VM that is off takes. */
export function demandPossible(entity: JsonObject, state: VmState, changes: Changes): void {
  const resources = resourcesOf(entity);
  const disks = namedDevices(resources).filter(({ disk }) => isDisk(disk));
  const demandDisk = (device: string, pointer: string) => {
    const found = disks.find((one) => one.device === device);
    if (found) return found;
    throw new ProblemError(
      'device-not-found',
      `There is no disk ${device}. ${disks.length > 0 ? `There is: ${disks.map((one) => one.device).join(', ')}.` : 'There is none.'}`,
      { errors: [{ pointer, detail: 'Not there.' }] },
    );
  };
  for (const [index, { device }] of changes.removeDisks.entries()) demandDisk(device, `/removeDisks/${index}/device`);
  for (const [index, { device, sizeGiB }] of changes.disks.entries()) {
    const found = demandDisk(device, `/disks/${index}/device`);
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
  const named = [
    ...changes.removeNics.map((mac, index) => ({ mac, pointer: `/removeNics/${index}` })),
    ...changes.changeNics.map(({ mac }, index) => ({ mac, pointer: `/changeNics/${index}/mac` })),
  ];
  for (const { mac, pointer } of named)
    if (!macs.includes(mac))
      throw new ProblemError('device-not-found', `There is no interface with the MAC address ${mac}.`, {
        errors: [{ pointer, detail: 'Not there.' }],
      });
  for (const [index, { mac }] of changes.addNics.entries())
    if (macs.includes(mac))
      throw new ProblemError('invalid-input', `The VM already has an interface ${mac}.`, {
        errors: [{ pointer: `/addNics/${index}/mac`, detail: 'In use.' }],
      });
  if (state !== 'stopped') demandLive(resources, changes);
}

/** AHV adds to a running VM and takes nothing away from it. */
function demandLive(resources: JsonObject, { cpus, memoryMiB, bootOrder, cdrom, removeDisks }: Changes): void {
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
    ...(bootOrder !== undefined && !isOrder(resources, bootOrder) ? ['another boot order'] : []),
    ...(typeof cdrom === 'string' && !driveOf(resources) ? ['a CD-ROM drive, of which it has none'] : []),
    ...removeDisks.flatMap(({ device }) => (device.startsWith('scsi:') ? [] : [`that ${device} is taken away`])),
  ];
  if (refused.length > 0)
    throw new ProblemError(
      'wrong-state',
      `A running VM on AHV does not take ${refused.join(' and ')}. Stop it first, then change it.`,
    );
}

/** Whether the VM is what the changes ask for; that its spec says so may be a wish of before that has failed. */
export const isSo = (entity: JsonObject, changes: Changes): boolean =>
  (changes.template ?? isTemplate(entity)) === isTemplate(entity) &&
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
    ...changes.changeNics.map((edit) => changeNic(resources, edit)),
    ...changes.removeDisks.map((disk) => removeDisk(resources, disk)),
    ...changes.addDisks.map((disk) => addDisk(resources, disk)),
    changes.cdrom !== undefined && setMedium(spec, changes.cdrom),
    setBootOrder(resources, changes.bootOrder),
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

function changeNic(resources: JsonObject, { mac, subnet, address, connected }: NicEdit): boolean {
  const nic = objectsAt(resources, 'nic_list').find((one) => macOf(one) === mac);
  if (!nic) return false;
  const isMoved = subnet !== undefined && subnetOf(nic) !== subnet;
  const isReaddressed = address !== undefined && !addressesOf(nic).includes(address);
  const isSwitched = connected !== undefined && (nic['is_connected'] ?? true) !== connected;
  if (isMoved) nic['subnet_reference'] = { kind: 'subnet', uuid: subnet };
  // An address of the old network is none of the new one.
  if (isMoved || isReaddressed)
    nic['ip_endpoint_list'] = address === undefined ? [] : [{ ip: address, type: 'ASSIGNED' }];
  if (isSwitched) nic['is_connected'] = connected;
  return isMoved || isReaddressed || isSwitched;
}

function removeDisk(resources: JsonObject, { device, uuid }: Pick<Growth, 'device' | 'uuid'>): boolean {
  const shown = namedDevices(resources);
  const doomed = shown.find((one) => (uuid === undefined ? one.device === device : one.disk['uuid'] === uuid));
  if (!doomed) return false;
  resources['disk_list'] = shown.filter((one) => one !== doomed).map(({ disk }) => disk);
  return true;
}

/** What is at its place is the disk itself: the place was free before. */
function addDisk(resources: JsonObject, { index, ...plan }: DiskPlan & { readonly index: number }): boolean {
  const disks = objectsAt(resources, 'disk_list');
  if (disks.some((disk) => addressOf(disk) === `scsi:${index}`)) return false;
  resources['disk_list'] = [...disks, diskSpec(plan, index)];
  return true;
}

const orderIn = (resources: JsonObject): unknown => objectAt(resources, 'boot_config')['boot_device_order_list'];
const isOrder = (resources: JsonObject, order: readonly string[]): boolean =>
  JSON.stringify(orderIn(resources)) === JSON.stringify(order);

/** One device that a VM boots from alone goes before any order. */
function setBootOrder(resources: JsonObject, order: readonly string[] | undefined): boolean {
  if (order === undefined || isOrder(resources, order)) return false;
  const { boot_device: _only, ...boot } = objectAt(resources, 'boot_config');
  resources['boot_config'] = { ...boot, boot_device_order_list: [...order] };
  return true;
}
