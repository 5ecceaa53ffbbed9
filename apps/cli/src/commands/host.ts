import type { components } from '@polyvirt/api-client';
import { call } from '../api.ts';
import type { Argument, Command, Route } from '../declaration.ts';
import { printItem, printItems, type View } from '../output/print.ts';
import { hostView, imageView, networkView, templateView } from '../output/views.ts';
import { listOptions, showList } from '../watch.ts';

type Host = components['schemas']['Host'];
const host: Argument = { name: 'HOST', help: 'Id of the host.', completes: 'host' };

const listOf = <Item>(name: string, summary: string, route: Route, view: View<Item>): Command => ({
  name,
  summary,
  calls: [route],
  args: [host],
  options: listOptions,
  run: (invocation) => showList(invocation, { route, path: { hostId: invocation.args[0]! }, view, events: ['host.*'] }),
});

export const hostCommands: readonly Command[] = [
  {
    name: 'host list',
    summary: 'List hosts.',
    calls: ['GET /api/v1/hosts'],
    options: listOptions,
    run: (invocation) => showList<Host>(invocation, { route: 'GET /api/v1/hosts', view: hostView, events: ['host.*'] }),
  },
  {
    name: 'host get',
    summary: 'Show a host with its capabilities and their reasons.',
    calls: ['GET /api/v1/hosts/{hostId}'],
    args: [host],
    run: async (invocation) => {
      const path = { hostId: invocation.args[0]! };
      const { data } = await call<Host>(await invocation.client(), 'GET /api/v1/hosts/{hostId}', { path });
      printItem(invocation, hostView, data);
    },
  },
  {
    name: 'host status',
    summary: 'Say of each hypervisor whether it works.',
    calls: ['GET /api/v1/providers/status'],
    run: async (invocation) => {
      type Providers = components['schemas']['ProvidersStatus'];
      const { data } = await call<Providers>(await invocation.client(), 'GET /api/v1/providers/status');
      const view: View<Providers['providers'][number]> = {
        key: ({ host: id }) => id,
        columns: [
          { header: 'HOST', value: ({ host: id }) => id },
          {
            header: 'HYPERVISOR',
            value: ({ hypervisor, simulated }) => (simulated ? `${hypervisor} (simulated)` : hypervisor),
          },
          { header: 'STATE', value: ({ state }) => state },
          { header: 'HEALTH', value: ({ health }) => health.status },
          { header: 'VMS', value: ({ vms }) => vms },
          { header: 'DETAIL', value: ({ health }) => health.detail },
        ],
      };
      printItems(invocation, view, data.providers);
    },
  },
  listOf('image list', 'List the images of a host.', 'GET /api/v1/hosts/{hostId}/images', imageView),
  listOf('network list', 'List the networks of a host.', 'GET /api/v1/hosts/{hostId}/networks', networkView),
  listOf('template list', 'List the templates of a host.', 'GET /api/v1/hosts/{hostId}/templates', templateView),
];
