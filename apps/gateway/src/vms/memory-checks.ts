import {
  addNic,
  changeNic,
  lackOf,
  nameKey,
  problemAt,
  ProblemError,
  requireFits,
  requireNicChanges,
  requireNics,
  requireUserData,
  type CapabilityRef,
  type CommandDefinition,
  type CommandOf,
  type commands,
  type CreateVm,
  type HostId,
  type HostRecord,
  type NicInput,
  type NicSurroundings,
  type PlacedChange,
  type ProblemCode,
  type Verb,
  type VmId,
  type VmRecord,
} from '@polyvirt/contracts';
import { templatesOf } from '../hosts/templates.ts';
import type { VmEntry } from '../inventory/vm-entry.ts';
import type { VmTable } from '../inventory/vm-table.ts';

/** What memory knows of the surroundings of a VM. */
interface Surroundings {
  readonly host: HostRecord;
  /** Absent when the command makes one. */
  readonly entry: VmEntry | undefined;
  readonly vms: VmTable;
}

type InputOf<V extends Verb> = CommandOf<Extract<(typeof commands)[number], { verb: V }>>['input'];

/** Checks of an input against what memory knows beyond the record of the VM. Most commands have none. */
const checks: { readonly [V in Verb]?: (input: InputOf<V>, surroundings: Surroundings) => void } = {
  'vm.create': (input, { host, vms }) => {
    const isMadeFromImages = input.disks.some(({ image }) => image !== undefined) || input.cdrom !== null;
    if (isMadeFromImages || input.template !== undefined) requireCapability(host, 'images');
    if (input.nics.length > 0) requireCapability(host, 'networks');
    requireUserData(input.cloudInit, host.limits);
    requireFits(input, host);
    requireImages(host, input);
    requireTemplate(host, vms, input);
    requireNetworks(host, input.nics, othersOf(vms, host.id));
    requireAddressing(host, input.nics);
  },
  'vm.reconfigure': (input, { host }) => requireFits(input, host),
  'vm.disk-add': (disk, { host }) => requireDiskImage(host, disk, ''),
  'vm.cdrom-set': ({ image }, { host }) => {
    if (image !== null) requireIsoImage(host, image, '/image');
  },
  'image.create': ({ name }, { host }) => {
    const holder = host.images.find((image) => nameKey(image.name) === nameKey(name));
    if (!holder) return;
    throw new ProblemError(
      'name-taken',
      `The host ${host.id} has an image "${holder.name}". Choose another name, or delete it first.`,
      {
        errors: [{ pointer: '/name', detail: 'An image of this host has it.' }],
      },
    );
  },
  'vm.nic-add': (nic, { host, vms }) => {
    requireNetwork(host, nic.network, '/network');
    requireInPlace(() => requireNics([nic], '/addNics', surroundingsOf(host, othersOf(vms, host.id))), addNic, nic);
    requireAddressing(host, [nic]);
  },
  'vm.nic-change': (change, { host, entry, vms }) => {
    const { mac, network, address = 'auto' } = change;
    if (network !== undefined) requireNetwork(host, network, '/network');
    const own = entry?.record.nics ?? [];
    const others = othersOf(vms, host.id, entry?.id, [mac]);
    requireInPlace(() => requireNicChanges([change], own, surroundingsOf(host, others)), changeNic, change);
    requireAddressing(host, [{ address }]);
  },
};

/** Throws what memory has against a command. Each problem says which part of the body is at fault, and what there is. */
export function memoryChecks({ verb }: CommandDefinition, input: unknown, surroundings: Surroundings): void {
  const check = checks[verb as Verb] as ((input: unknown, surroundings: Surroundings) => void) | undefined;
  check?.(input, surroundings);
}

function requireCapability({ capabilities }: HostRecord, ref: CapabilityRef): void {
  const lack = lackOf(capabilities, ref);
  if (lack !== undefined) throw new ProblemError('capability-missing', lack);
}

/** What no fault of an address says already: that the host has no fixed addresses, or none of this kind. */
function requireAddressing(host: HostRecord, nics: readonly Pick<NicInput, 'address'>[]): void {
  const fixed = nics.filter(({ address }) => address !== 'auto');
  if (fixed.length > 0) requireCapability(host, 'networks.fixedAddresses');
  if (fixed.some(({ address }) => address.includes(':'))) requireCapability(host, 'networks.ipv6');
}

const longestList = 20;

function missing(code: ProblemCode, what: string, name: string, host: string, pointer: string, known: string[]) {
  const names = known.slice(0, longestList).map((one) => `"${one}"`);
  const more = known.length > longestList ? ` and ${known.length - longestList} more` : '';
  const there = names.length === 0 ? `It has none.` : `It has ${names.join(', ')}${more}.`;
  return new ProblemError(code, `The host ${host} has no ${what} "${name}". ${there}`, {
    errors: [{ pointer, detail: `There is no such ${what}.` }],
  });
}

function requireImages(host: HostRecord, { disks, cdrom }: CreateVm): void {
  for (const [n, disk] of disks.entries()) requireDiskImage(host, disk, `/disks/${n}`);
  if (cdrom !== null) requireIsoImage(host, cdrom, '/cdrom');
}

const namesOf = ({ images }: HostRecord, kind: 'disk' | 'iso'): string[] =>
  images.filter((image) => image.kind === kind).map((image) => image.name);

/** `at` is where the disk stands in the body. */
function requireDiskImage(
  host: HostRecord,
  { image, sizeGiB }: { readonly image?: string | undefined; readonly sizeGiB?: number | undefined },
  at: string,
): void {
  if (image === undefined) return;
  requireCapability(host, 'images');
  const found = host.images.find(({ name, kind }) => name === image && kind === 'disk');
  if (!found) throw missing('image-not-found', 'disk image', image, host.id, `${at}/image`, namesOf(host, 'disk'));
  if (sizeGiB === undefined || found.sizeGiB === undefined || sizeGiB >= found.sizeGiB) return;
  const fault = `The image "${image}" needs at least ${Math.ceil(found.sizeGiB)} GiB.`;
  throw new ProblemError('invalid-input', fault, { errors: [{ pointer: `${at}/sizeGiB`, detail: fault }] });
}

function requireIsoImage(host: HostRecord, image: string, pointer: string): void {
  requireCapability(host, 'images');
  const known = namesOf(host, 'iso');
  if (!known.includes(image)) throw missing('image-not-found', 'ISO image', image, host.id, pointer, known);
}

function requireTemplate(host: HostRecord, vms: VmTable, { template }: CreateVm): void {
  if (template === undefined) return;
  const templates = templatesOf(host, vms.of(host.id));
  if (templates.some(({ nativeId, name }) => nativeId === template || name === template)) return;
  const known = templates.map(({ name }) => name);
  throw missing('template-not-found', 'template', template, host.id, '/template', known);
}

/** Networks that are there and can give what is asked for, addresses and MAC addresses that are free. */
function requireNetworks(host: HostRecord, nics: readonly NicInput[], others: Iterable<VmRecord>): void {
  for (const [n, { network }] of nics.entries()) requireNetwork(host, network, `/nics/${n}/network`);
  if (nics.length > 0) requireNics(nics, '/nics', surroundingsOf(host, others));
}

function requireNetwork(host: HostRecord, network: string, pointer: string): void {
  requireCapability(host, 'networks');
  const known = host.networks.map(({ name }) => name);
  if (!known.includes(network)) throw missing('network-not-found', 'network', network, host.id, pointer, known);
}

/** Runs a check of a change, and points to where the fault stands in the request. */
function requireInPlace<Input>(
  check: () => void,
  command: { changeOf(input: Input): PlacedChange | undefined },
  input: Input,
) {
  try {
    check();
  } catch (error) {
    throw problemAt(command.changeOf(input)?.places ?? [], error);
  }
}

function surroundingsOf({ networks, limits }: HostRecord, others: Iterable<VmRecord>): NicSurroundings {
  const vms = [...others];
  const macs = new Set(vms.flatMap((vm) => vm.nics.map(({ mac }) => mac)));
  // The agent lists networks now and then: what was reserved for a VM that is gone may be free by now. The driver looks again.
  const sure = networks.map(({ reserved = [], ...network }) => ({
    ...network,
    reserved: reserved.filter(({ mac }) => mac === undefined || macs.has(mac)),
  }));
  return { networks: sure, macRanges: limits?.macRanges, others: vms };
}

/** The VMs of a host as they will be: of the one that is changed, with the interfaces that it keeps. */
function* othersOf(vms: VmTable, host: HostId, changed?: VmId, gone: readonly string[] = []): Iterable<VmRecord> {
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
