import type { components } from '@polyvirt/api-client';
import { call, listAll } from '../api.ts';
import { UsageError, type Command } from '../declaration.ts';
import { printItems } from '../output/print.ts';
import { sessionView } from '../output/views.ts';

type Session = components['schemas']['Session'];

export const sessionCommands: readonly Command[] = [
  {
    name: 'session list',
    summary: 'List where you are logged in with your password, but for this command.',
    calls: ['GET /api/v1/auth/sessions'],
    asPerson: true,
    run: async (invocation) => {
      const sessions = await listAll<Session>(await invocation.client(), 'GET /api/v1/auth/sessions');
      printItems(
        invocation,
        sessionView,
        sessions.filter(({ current }) => !current),
      );
    },
  },
  {
    name: 'session end',
    summary: 'End sessions of yours; whoever uses them has to log in again. API tokens stay.',
    calls: ['DELETE /api/v1/auth/sessions/{id}', 'DELETE /api/v1/auth/sessions'],
    asPerson: true,
    args: [{ name: 'SESSION', help: 'Id, as `session list` shows it.', many: true, optional: true }],
    options: { all: { help: 'All of them.' } },
    run: async ({ args, given, client }) => {
      if (args.length > 0 === given.flag('all')) throw new UsageError('Which ones? Name them, or say --all.');
      const person = await client();
      if (given.flag('all')) await call(person, 'DELETE /api/v1/auth/sessions');
      for (const id of args) await call(person, 'DELETE /api/v1/auth/sessions/{id}', { path: { id } });
    },
  },
];
