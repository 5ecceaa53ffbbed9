import {
  ProblemError,
  requireNics,
  type CreateVm,
  type HostId,
  type HostRecord,
  type NicInput,
  type ProblemCode,
  type ReconfigureVm,
  type VmId,
  type VmRecord,
} from '@polyvirt/contracts';
import type { VmTable } from '../inventory/vm-table.ts';

/** Checks of an input against what memory knows. Each says which part of the body is at fault, and what there is. */

const longestList = 20;

function missing(code: ProblemCode, what: string, name: string, host: string, pointer: string, known: string[]) {
  const names = known.slice(0, longestList).map((one) => `"${one}"`);
  const more = known.length > longestList ? ` and ${known.length - longestList} more` : '';
  const there = names.length === 0 ? `It has none.` : `It has ${names.join(', ')}${more}.`;
  return new ProblemError(code, `The host ${host} has no ${what} "${name}". ${there}`, {
    errors: [{ pointer, detail: `There is no such ${what}.` }],
  });
}

export function requireImages({ id, images }: HostRecord, { disks, cdrom }: CreateVm): void {
  const names = (kind: 'disk' | 'iso') => images.filter((image) => image.kind === kind).map((image) => image.name);
  for (const [n, { image, sizeGiB }] of disks.entries()) {
    if (image === undefined) continue;
    const found = images.find(({ name, kind }) => name === image && kind === 'disk');
    if (!found) throw missing('image-not-found', 'disk image', image, id, `/disks/${n}/image`, names('disk'));
    if (sizeGiB === undefined || found.sizeGiB === undefined || sizeGiB >= found.sizeGiB) continue;
    const fault = `The image "${image}" needs at least ${Math.ceil(found.sizeGiB)} GiB.`;
    throw new ProblemError('invalid-input', fault, { errors: [{ pointer: `/disks/${n}/sizeGiB`, detail: fault }] });
  }
  if (cdrom !== null && !names('iso').includes(cdrom))
    throw missing('image-not-found', 'ISO image', cdrom, id, '/cdrom', names('iso'));
}

export function requireTemplate({ id, templates }: HostRecord, { template }: CreateVm): void {
  if (template === undefined) return;
  if (templates.some(({ nativeId, name }) => nativeId === template || name === template)) return;
  const known = templates.map(({ name }) => name);
  throw missing('template-not-found', 'template', template, id, '/template', known);
}

/** Networks that are there and can give what is asked for, addresses and MAC addresses that are free. */
export function requireNetworks(
  { id, networks, limits }: HostRecord,
  nics: readonly NicInput[],
  pointer: '/nics' | '/addNics',
  others: Iterable<VmRecord>,
): void {
  const known = networks.map(({ name }) => name);
  for (const [n, { network }] of nics.entries())
    if (!known.includes(network))
      throw missing('network-not-found', 'network', network, id, `${pointer}/${n}/network`, known);
  if (nics.length === 0) return;
  const vms = [...others];
  const macs = new Set(vms.flatMap((vm) => vm.nics.map(({ mac }) => mac)));
  // The agent lists networks now and then: what was reserved for a VM that is gone may be free by now. The driver looks again.
  const sure = networks.map(({ reserved = [], ...network }) => ({
    ...network,
    reserved: reserved.filter(({ mac }) => mac === undefined || macs.has(mac)),
  }));
  requireNics(nics, pointer, { networks: sure, macRanges: limits?.macRanges, others: vms });
}

/** The VMs of a host as they will be: of the one that is changed, with the interfaces that it keeps. */
export function* othersOf(
  vms: VmTable,
  host: HostId,
  changed?: VmId,
  gone: readonly string[] = [],
): Iterable<VmRecord> {
  for (const record of vms.of(host))
    yield record.id === changed
      ? { ...record, nics: record.nics.filter(({ mac }) => mac === undefined || !gone.includes(mac)) }
      : record;
}

export function requireFreeName(vms: VmTable, host: HostId, name: string, except?: VmId): void {
  const holder = vms.named(host, name, except);
  if (holder === undefined) return;
  throw new ProblemError('name-taken', `The VM ${holder} on ${host} has the name "${name}".`, {
    errors: [{ pointer: '/name', detail: 'It is in use on this host.' }],
  });
}

/** The id of the snapshot that has this id, or is the only one of this name. */
export function requireSnapshot({ name: vm, snapshots }: VmRecord, idOrName: string): string {
  if (snapshots.some(({ id }) => id === idOrName)) return idOrName;
  const named = snapshots.filter(({ name }) => name === idOrName);
  if (named.length === 1) return named[0]!.id;
  if (named.length === 0) throw new ProblemError('snapshot-not-found', `"${vm}" has no snapshot ${idOrName}.`);
  const ids = named.map(({ id }) => id).join(', ');
  throw new ProblemError(
    'invalid-input',
    `"${vm}" has ${named.length} snapshots of the name "${idOrName}"; give one of their ids: ${ids}.`,
    { errors: [{ pointer: 'snapshot', detail: `Several have this name: ${ids}.` }] },
  );
}

export function requireFreeSnapshotName({ name: vm, snapshots }: VmRecord, name: string): void {
  if (!snapshots.some((snapshot) => snapshot.name === name)) return;
  throw new ProblemError('name-taken', `"${vm}" has a snapshot of the name "${name}" already.`, {
    errors: [{ pointer: '/name', detail: 'It is in use on this VM.' }],
  });
}

export function requireDisksToGrow({ name, disks }: VmRecord, { disks: growths = [] }: ReconfigureVm): void {
  for (const [n, { device, sizeGiB }] of growths.entries()) {
    const disk = disks.find((one) => one.device === device);
    if (!disk) {
      throw new ProblemError('device-not-found', `"${name}" has no disk ${device}.`, {
        errors: [{ pointer: `/disks/${n}/device`, detail: 'There is no such disk.' }],
      });
    }
    // The agent knows better when the size is not known here.
    if (disk.sizeGiB === undefined || sizeGiB >= disk.sizeGiB) continue;
    const fault = `The disk ${device} has ${disk.sizeGiB} GiB; a disk only grows.`;
    throw new ProblemError('invalid-input', fault, { errors: [{ pointer: `/disks/${n}/sizeGiB`, detail: fault }] });
  }
}

export function requireInterfaces({ name, nics }: VmRecord, { removeNics = [] }: ReconfigureVm): void {
  for (const [n, mac] of removeNics.entries()) {
    if (nics.some((nic) => nic.mac === mac)) continue;
    throw new ProblemError('device-not-found', `"${name}" has no interface ${mac}.`, {
      errors: [{ pointer: `/removeNics/${n}`, detail: 'There is no such interface.' }],
    });
  }
}
