import type { components } from '@polyvirt/api-client';
import { call } from '../api.ts';
import type { Argument, Command } from '../declaration.ts';
import { download } from '../download.ts';
import { findVm } from '../names.ts';
import { printItem, printItems } from '../output/print.ts';
import { archiveFileView, archiveView } from '../output/views.ts';
import { listOptions, showList } from '../watch.ts';

type Archive = components['schemas']['Archive'];
const vm: Argument = { name: 'VM', help: 'Id of the VM, also of one that is deleted, or a name.', completes: 'vm' };

export const archiveCommands: readonly Command[] = [
  {
    name: 'archive list',
    summary: 'List the archive folders.',
    calls: ['GET /api/v1/archives'],
    options: {
      text: { short: 'q', value: 'TEXT', help: 'Part of a name.' },
      deleted: { help: 'Only of deleted VMs.' },
      ...listOptions,
    },
    run: (invocation) => {
      const { given } = invocation;
      const query = {
        ...(given.has('text') && { q: given.text('text') }),
        ...(given.flag('deleted') && { deleted: 'true' }),
      };
      const route = 'GET /api/v1/archives';
      return showList<Archive>(invocation, { route, query, view: archiveView, events: ['archive.*'] });
    },
  },
  {
    name: 'archive get',
    summary: 'Show the archive of a VM with its history.',
    calls: ['GET /api/v1/archives/{vmId}'],
    args: [vm],
    options: { files: { help: 'List its files only.' } },
    run: async (invocation) => {
      const client = await invocation.client();
      const { id: vmId } = await findVm(client, invocation.args[0]!);
      const { data } = await call<Archive>(client, 'GET /api/v1/archives/{vmId}', { path: { vmId } });
      if (invocation.given.flag('files')) printItems(invocation, archiveFileView, data.files);
      else printItem(invocation, archiveView, data);
    },
  },
  {
    name: 'archive download',
    summary: 'Fetch a file of an archive.',
    calls: ['GET /api/v1/archives/{vmId}/files/{path}'],
    args: [vm, { name: 'PATH', help: 'As `archive get --files` shows it: metadata.json.' }],
    options: { to: { value: 'FILE', help: 'Where to; standard output unless said.', completes: 'file' } },
    run: async (invocation) => {
      const client = await invocation.client();
      const { id: vmId } = await findVm(client, invocation.args[0]!);
      const path = invocation.args[1]!.split('/').map(encodeURIComponent).join('/');
      const route = `/api/v1/archives/${encodeURIComponent(vmId)}/files/${path}`;
      await download(client, route, invocation.given.text('to'));
    },
  },
];
