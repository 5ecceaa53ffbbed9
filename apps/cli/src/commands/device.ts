import { call } from '../api.ts';
import { change, changeOptions, confirm, yesOption, type Change } from '../change.ts';
import { UsageError, type Argument, type Command, type Given, type Options, type Route } from '../declaration.ts';
import { findVm, type Vm } from '../names.ts';
import { printItems, type View } from '../output/print.ts';
import { size } from '../output/views.ts';
import { sizeGiB } from '../parse.ts';
import { nicOf, vmArgument } from './vm.ts';

const vm: Argument = { ...vmArgument, name: 'VM' };

const diskView: View<Vm['disks'][number]> = {
  key: ({ device }) => device,
  columns: [
    { header: 'DEVICE', value: ({ device }) => device },
    { header: 'SIZE', value: ({ sizeGiB: gib }) => size(gib) },
    { header: 'PATH', value: ({ path }) => path },
  ],
};

const nicView: View<Vm['nics'][number]> = {
  key: ({ mac, network }) => mac ?? network ?? '-',
  columns: [
    { header: 'MAC', value: ({ mac }) => mac },
    { header: 'NETWORK', value: ({ network }) => network },
    { header: 'ADDRESSES', value: ({ addresses }) => addresses.join(' ') || undefined },
    { header: 'CABLE', value: ({ connected }) => (connected === undefined ? undefined : connected ? 'in' : 'out') },
  ],
};

const listOf = <Item>(
  name: string,
  summary: string,
  view: View<Item>,
  items: (of: Vm) => readonly Item[],
): Command => ({
  name,
  summary,
  calls: [],
  args: [vm],
  run: async (invocation) => {
    const client = await invocation.client();
    const { id: vmId } = await findVm(client, invocation.args[0]!);
    const { data } = await call<Vm>(client, 'GET /api/v1/vms/{vmId}', { path: { vmId } });
    printItems(invocation, view, items(data));
  },
});

interface Edit {
  readonly name: string;
  readonly summary: string;
  readonly route: Route;
  readonly args?: readonly Argument[];
  readonly options?: Options;
  readonly examples?: readonly string[];
  /** What is asked for, by the arguments behind the name of the VM. */
  request(given: Given, ...values: string[]): Pick<Change, 'path' | 'query' | 'body'>;
  /** Asked before it is done. */
  danger?(given: Given, ...values: string[]): string | undefined;
}

/** A change of the devices of one VM. */
const edit = ({ name, summary, route, args = [], options, examples, request, danger }: Edit): Command => ({
  name,
  summary,
  calls: [route],
  args: [vm, ...args],
  options: { ...options, ...(danger && yesOption), ...changeOptions },
  ...(examples && { examples }),
  run: async (invocation) => {
    const { given } = invocation;
    const values = invocation.args.slice(1);
    const { path, ...asked } = request(given, ...values);
    const client = await invocation.client();
    const { id: vmId, name: called } = await findVm(client, invocation.args[0]!);
    const question = danger?.(given, ...values);
    if (question !== undefined) await confirm(invocation, `${question} of ${called}?`);
    return change(invocation, client, { route, path: { ...path, vmId }, ...asked });
  },
});

const device: Argument = { name: 'DEVICE', help: 'As `disk list` shows it.' };
const mac: Argument = { name: 'MAC', help: 'As `nic list` shows it.' };

/** Throws `UsageError`. */
function diskOf(given: Given): object {
  const size = given.text('size');
  const disk = {
    ...(size !== undefined && { sizeGiB: sizeGiB('size', size) }),
    ...(given.has('image') && { image: given.text('image') }),
    ...(given.flag('full') && { copy: 'full' }),
    ...(given.has('volume') && { volume: given.text('volume') }),
  };
  if (Object.keys(disk).length === 0) throw new UsageError('What disk? Say --size, --image or --volume.');
  return disk;
}

/** Throws `UsageError`. */
function nicChangeOf(given: Given): object {
  const change = {
    ...(given.has('network') && { network: given.text('network') }),
    ...(given.has('address') && { address: given.text('address') }),
    ...(given.flag('connect') && { connected: true }),
    ...(given.flag('disconnect') && { connected: false }),
  };
  if (Object.keys(change).length > 0) return change;
  throw new UsageError('What is to change? Say --network, --address, --connect or --disconnect.');
}

export const deviceCommands: readonly Command[] = [
  listOf('disk list', 'List the disks of a VM.', diskView, ({ disks }) => disks),
  edit({
    name: 'disk add',
    summary: 'Add a disk to a VM: a blank one, one from an image, or a volume of its host.',
    route: 'POST /api/v1/vms/{vmId}/disks',
    options: {
      size: { value: 'SIZE', help: 'Its size: 40G; of a disk from an image at least that of the image.' },
      image: { value: 'IMAGE', help: 'A disk image of the host, as `image list` shows it.' },
      full: { help: 'Copy all of the image, instead of what the VM changes.' },
      volume: { value: 'VOLUME', help: 'A volume of the host, as `volume list` shows it.' },
    },
    examples: ['polyvirt disk add web-1 --size 40G', 'polyvirt disk add web-2 --volume 0d60822eb29a8eaccfc6daf9'],
    request: (given) => ({ body: diskOf(given) }),
  }),
  edit({
    name: 'disk grow',
    summary: 'Grow a disk of a VM.',
    route: 'PATCH /api/v1/vms/{vmId}/disks/{device}',
    args: [device, { name: 'SIZE', help: 'Its new size: 40G.' }],
    request: (_given, disk, size) => ({ path: { device: disk! }, body: { sizeGiB: sizeGiB('SIZE', size!) } }),
  }),
  edit({
    name: 'disk detach',
    summary: 'Take a disk from a VM; it is kept as a volume of the host.',
    route: 'DELETE /api/v1/vms/{vmId}/disks/{device}',
    args: [device],
    options: { delete: { help: 'Delete it with all that is on it.' } },
    request: (given, disk) => ({
      path: { device: disk! },
      ...(given.flag('delete') && { query: { keep: 'false' } }),
    }),
    danger: (given, disk) => (given.flag('delete') ? `Delete the disk ${disk}` : undefined),
  }),
  listOf('nic list', 'List the interfaces of a VM.', nicView, ({ nics }) => nics),
  edit({
    name: 'nic add',
    summary: 'Add an interface to a VM.',
    route: 'POST /api/v1/vms/{vmId}/nics',
    args: [{ name: 'NIC', help: 'A network, or network=NAME[,address=ADDRESS][,mac=MAC].' }],
    request: (_given, nic) => ({ body: nicOf(nic!) }),
  }),
  edit({
    name: 'nic change',
    summary: 'Change an interface of a VM in its place; it keeps its MAC address.',
    route: 'PATCH /api/v1/vms/{vmId}/nics/{mac}',
    args: [mac],
    options: {
      network: { value: 'NETWORK', help: 'Put it on this network.' },
      address: { value: 'ADDRESS', help: 'Give it this address, or `auto`.' },
      connect: { help: 'Plug its cable in.', excludes: ['disconnect'] },
      disconnect: { help: 'Pull its cable.' },
    },
    request: (given, nic) => ({ path: { mac: nic! }, body: nicChangeOf(given) }),
  }),
  edit({
    name: 'nic remove',
    summary: 'Remove an interface of a VM.',
    route: 'DELETE /api/v1/vms/{vmId}/nics/{mac}',
    args: [mac],
    request: (_given, nic) => ({ path: { mac: nic! } }),
  }),
  edit({
    name: 'cdrom insert',
    summary: 'Insert an ISO image into the CD-ROM drive of a VM, or change it.',
    route: 'PUT /api/v1/vms/{vmId}/cdrom',
    args: [{ name: 'IMAGE', help: 'An ISO image of the host, as `image list` shows it.' }],
    request: (_given, image) => ({ body: { image } }),
  }),
  edit({
    name: 'cdrom eject',
    summary: 'Leave the CD-ROM drive of a VM empty.',
    route: 'PUT /api/v1/vms/{vmId}/cdrom',
    request: () => ({ body: { image: null } }),
  }),
];
