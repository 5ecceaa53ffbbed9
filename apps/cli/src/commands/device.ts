import { call } from '../api.ts';
import { change, changeOptions } from '../change.ts';
import type { Argument, Command } from '../declaration.ts';
import { findVm, type Vm } from '../names.ts';
import { printItems, type View } from '../output/print.ts';
import { sizeGiB } from '../parse.ts';
import { nicOf, vmArgument } from './vm.ts';

const vm: Argument = { ...vmArgument, name: 'VM' };

const diskView: View<Vm['disks'][number]> = {
  key: ({ device }) => device,
  columns: [
    { header: 'DEVICE', value: ({ device }) => device },
    { header: 'SIZE', value: ({ sizeGiB: size }) => (size === undefined ? undefined : `${size} GiB`) },
    { header: 'PATH', value: ({ path }) => path },
  ],
};

const nicView: View<Vm['nics'][number]> = {
  key: ({ mac, network }) => mac ?? network ?? '-',
  columns: [
    { header: 'MAC', value: ({ mac }) => mac },
    { header: 'NETWORK', value: ({ network }) => network },
    { header: 'ADDRESSES', value: ({ addresses }) => addresses.join(' ') || undefined },
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

/** A change of the devices of one VM; `body` has the values of the arguments behind its name. */
const edit = (
  name: string,
  summary: string,
  args: readonly Argument[],
  body: (...values: string[]) => object,
): Command => ({
  name,
  summary,
  calls: [],
  args: [vm, ...args],
  options: changeOptions,
  run: async (invocation) => {
    const asked = body(...invocation.args.slice(1));
    const client = await invocation.client();
    const { id: vmId } = await findVm(client, invocation.args[0]!);
    return change(invocation, client, { route: 'PATCH /api/v1/vms/{vmId}', path: { vmId }, body: asked });
  },
});

export const deviceCommands: readonly Command[] = [
  listOf('disk list', 'List the disks of a VM.', diskView, ({ disks }) => disks),
  edit(
    'disk grow',
    'Grow a disk of a VM.',
    [
      { name: 'DEVICE', help: 'As `disk list` shows it.' },
      { name: 'SIZE', help: 'Its new size: 40G.' },
    ],
    (device, size) => ({ disks: [{ device, sizeGiB: sizeGiB('SIZE', size!) }] }),
  ),
  listOf('nic list', 'List the interfaces of a VM.', nicView, ({ nics }) => nics),
  edit(
    'nic add',
    'Add an interface to a VM.',
    [{ name: 'NIC', help: 'A network, or network=NAME[,address=ADDRESS][,mac=MAC].' }],
    (nic) => ({ addNics: [nicOf(nic!)] }),
  ),
  edit('nic remove', 'Remove an interface of a VM.', [{ name: 'MAC', help: 'As `nic list` shows it.' }], (mac) => ({
    removeNics: [mac],
  })),
];
