import type { Operation } from '@polyvirt/api-client';
import { call } from '../api.ts';
import { finish, waitOptions } from '../change.ts';
import type { Argument, Command, Route } from '../declaration.ts';
import { findVm } from '../names.ts';
import { printItem } from '../output/print.ts';
import { operationView } from '../output/views.ts';
import { listOptions, showList } from '../watch.ts';

const id: Argument = { name: 'OPERATION', help: 'Id of the operation.', completes: 'operation' };
const readRoute: Route = 'GET /api/v1/operations/{operationId}';

const act = (verb: 'cancel' | 'retry', summary: string): Command => ({
  name: `op ${verb}`,
  summary,
  calls: [`POST /api/v1/operations/{operationId}/${verb}`],
  args: [id],
  options: waitOptions,
  run: async (invocation) => {
    const client = await invocation.client();
    const path = { operationId: invocation.args[0]! };
    const { data } = await call<Operation>(client, `POST /api/v1/operations/{operationId}/${verb}`, { path });
    if (verb === 'retry') return finish(invocation, client, data);
    if (!invocation.given.flag('wait')) return printItem(invocation, operationView, data);
    const code = await finish(invocation, client, data);
    const now = await call<Operation>(client, readRoute, { path });
    // Cancelled is what was wanted.
    return now.data.status === 'cancelled' ? 0 : code;
  },
});

export const operationCommands: readonly Command[] = [
  {
    name: 'op list',
    summary: 'List operations, the newest first.',
    calls: ['GET /api/v1/operations'],
    options: {
      vm: { value: 'NAME', help: 'Of this VM.', completes: 'vm' },
      host: { value: 'HOST', help: 'Of this host.', completes: 'host' },
      status: { value: 'STATUS', help: 'pending, running, succeeded, failed or cancelled; several with commas.' },
      verb: { value: 'VERB', help: 'Such as vm.start.' },
      by: { value: 'USER', help: 'Who asked.' },
      parent: { value: 'OPERATION', help: 'Parts of this batch.', completes: 'operation' },
      ...listOptions,
    },
    run: async (invocation) => {
      const { given } = invocation;
      const named = given.text('vm');
      const query = {
        ...(named !== undefined && { vm: (await findVm(await invocation.client(), named)).id }),
        ...Object.fromEntries(
          [
            ['host', 'host'],
            ['status', 'status'],
            ['verb', 'verb'],
            ['by', 'requestedBy'],
            ['parent', 'parent'],
          ].flatMap(([option, field]) => (given.has(option!) ? [[field!, given.text(option!)]] : [])),
        ),
      };
      const route = 'GET /api/v1/operations';
      await showList<Operation>(invocation, { route, query, view: operationView, events: ['operation.*'] });
    },
  },
  {
    name: 'op get',
    summary: 'Show an operation with its steps and native calls.',
    calls: [readRoute],
    args: [id],
    run: async (invocation) => {
      const path = { operationId: invocation.args[0]! };
      printItem(
        invocation,
        operationView,
        (await call<Operation>(await invocation.client(), readRoute, { path })).data,
      );
    },
  },
  {
    name: 'op wait',
    summary: 'Wait until an operation has ended, and end as it did.',
    calls: [],
    args: [id],
    options: { timeout: waitOptions['timeout']! },
    run: async (invocation) => {
      const client = await invocation.client();
      const path = { operationId: invocation.args[0]! };
      return finish(invocation, client, (await call<Operation>(client, readRoute, { path })).data);
    },
  },
  act('cancel', 'Cancel an operation; what it has done is undone.'),
  act('retry', 'Do what an operation failed to do once more.'),
];
