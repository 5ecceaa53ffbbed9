import { change, changeOptions, confirm, yesOption } from '../change.ts';
import type { Argument, Command } from '../declaration.ts';
import { findVm } from '../names.ts';
import { snapshotView } from '../output/views.ts';
import { listOptions, showList } from '../watch.ts';
import { vmArgument } from './vm.ts';

const vm: Argument = { ...vmArgument, name: 'VM' };
const snapshot: Argument = { name: 'SNAPSHOT', help: 'Its id, or its name where no other has that.' };

export const snapshotCommands: readonly Command[] = [
  {
    name: 'snapshot list',
    summary: 'List the snapshots of a VM.',
    calls: ['GET /api/v1/vms/{vmId}/snapshots'],
    args: [vm],
    options: listOptions,
    run: async (invocation) => {
      const { id: vmId } = await findVm(await invocation.client(), invocation.args[0]!);
      const route = 'GET /api/v1/vms/{vmId}/snapshots';
      await showList(invocation, { route, path: { vmId }, view: snapshotView, events: ['vm.*', 'snapshot.*'] });
    },
  },
  {
    name: 'snapshot create',
    summary: 'Take a snapshot of a VM.',
    calls: ['POST /api/v1/vms/{vmId}/snapshots'],
    args: [vm, { name: 'NAME', help: 'Name of the snapshot.' }],
    options: {
      description: { value: 'TEXT', help: 'What it is for.' },
      memory: { help: 'Keep the memory of a running VM too.', excludes: ['no-memory'] },
      'no-memory': { help: 'Keep the disks only.' },
      ...changeOptions,
    },
    run: async (invocation) => {
      const { args, given } = invocation;
      const client = await invocation.client();
      const { id: vmId } = await findVm(client, args[0]!);
      const body = {
        name: args[1],
        ...(given.has('description') && { description: given.text('description') }),
        ...(given.flag('memory') && { memory: true }),
        ...(given.flag('no-memory') && { memory: false }),
      };
      return change(invocation, client, { route: 'POST /api/v1/vms/{vmId}/snapshots', path: { vmId }, body });
    },
  },
  {
    name: 'snapshot revert',
    summary: 'Revert a VM to a snapshot; what has happened since is lost.',
    calls: ['POST /api/v1/vms/{vmId}/snapshots/{snapshot}/revert'],
    args: [vm, snapshot],
    options: { ...yesOption, ...changeOptions },
    run: async (invocation) => {
      const [named, wanted] = invocation.args as [string, string];
      const client = await invocation.client();
      const { id: vmId, name } = await findVm(client, named);
      await confirm(invocation, `Revert ${name} to ${wanted}, and lose what has happened since?`);
      const route = 'POST /api/v1/vms/{vmId}/snapshots/{snapshot}/revert';
      return change(invocation, client, { route, path: { vmId, snapshot: wanted } });
    },
  },
  {
    name: 'snapshot delete',
    summary: 'Delete a snapshot of a VM.',
    calls: ['DELETE /api/v1/vms/{vmId}/snapshots/{snapshot}'],
    args: [vm, snapshot],
    options: { children: { help: 'And all that were taken on top of it.' }, ...yesOption, ...changeOptions },
    run: async (invocation) => {
      const [named, wanted] = invocation.args as [string, string];
      const client = await invocation.client();
      const { id: vmId, name } = await findVm(client, named);
      await confirm(invocation, `Delete the snapshot ${wanted} of ${name}?`);
      const query = invocation.given.flag('children') ? { children: 'true' } : {};
      const route = 'DELETE /api/v1/vms/{vmId}/snapshots/{snapshot}';
      return change(invocation, client, { route, path: { vmId, snapshot: wanted }, query });
    },
  },
];
