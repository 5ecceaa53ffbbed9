import type { components } from '@polyvirt/api-client';
import { call, listAll } from '../api.ts';
import { confirm, yesOption } from '../change.ts';
import { Exit, type Argument, type Command, type Invocation } from '../declaration.ts';
import { exitCodes } from '../exit-codes.ts';
import { printItem } from '../output/print.ts';
import { subscriberView } from '../output/views.ts';
import { listOptions, showList } from '../watch.ts';

type Schemas = components['schemas'];
type Subscriber = Schemas['Subscriber'];

const subscriber: Argument = { name: 'SUBSCRIBER', help: 'Name or id of the program.', completes: 'subscriber' };

async function findSubscriber(invocation: Invocation, named: string): Promise<Subscriber> {
  const all = await listAll<Subscriber>(await invocation.client(), 'GET /api/v1/subscribers');
  const found = all.find(({ id, name }) => id === named || name === named);
  if (found) return found;
  const text = `There is no subscriber ${JSON.stringify(named)}. \`polyvirt subscriber list\` shows them.`;
  throw new Exit(exitCodes.notFound.code, text);
}

export const subscriberCommands: readonly Command[] = [
  {
    name: 'subscriber list',
    summary: 'List the programs that read events from the bus.',
    calls: ['GET /api/v1/subscribers'],
    options: listOptions,
    run: (invocation) => showList<Subscriber>(invocation, { route: 'GET /api/v1/subscribers', view: subscriberView }),
  },
  {
    name: 'subscriber get',
    summary: 'Show a program that reads events from the bus.',
    calls: ['GET /api/v1/subscribers/{id}'],
    args: [subscriber],
    run: async (invocation) => {
      const { id } = await findSubscriber(invocation, invocation.args[0]!);
      const route = 'GET /api/v1/subscribers/{id}';
      const { data } = await call<Subscriber>(await invocation.client(), route, { path: { id } });
      printItem(invocation, subscriberView, data);
    },
  },
  {
    name: 'subscriber create',
    summary: 'Let a program read events from the bus; what it needs is shown this once, as JSON.',
    calls: ['POST /api/v1/subscribers'],
    args: [{ name: 'NAME', help: 'What the program is called.' }],
    asPerson: true,
    options: {
      hosts: {
        value: 'HOSTS',
        help: 'Only events of these hosts, with commas; of all unless said.',
        completes: 'host',
      },
    },
    examples: ['polyvirt subscriber create billing --hosts kvm-local > billing.json'],
    run: async (invocation) => {
      const { args, given, terminal } = invocation;
      const body = { name: args[0], ...(given.has('hosts') && { hosts: given.text('hosts')!.split(',') }) };
      const client = await invocation.client();
      const { data } = await call<Schemas['CreatedSubscriber']>(client, 'POST /api/v1/subscribers', { body });
      if (given.has('output')) printItem(invocation, subscriberView, data);
      else terminal.print(JSON.stringify(data, undefined, 2));
    },
  },
  {
    name: 'subscriber delete',
    summary: 'Revoke the credential of a program; it loses its connection at once.',
    calls: ['DELETE /api/v1/subscribers/{id}'],
    args: [subscriber],
    options: yesOption,
    run: async (invocation) => {
      const { id, name } = await findSubscriber(invocation, invocation.args[0]!);
      await confirm(invocation, `Revoke the credential of ${name}?`);
      await call(await invocation.client(), 'DELETE /api/v1/subscribers/{id}', { path: { id } });
    },
  },
];
