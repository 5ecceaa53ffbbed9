import type { components } from '@polyvirt/api-client';
import { call } from '../api.ts';
import type { Command, Given, Options } from '../declaration.ts';
import { download } from '../download.ts';
import { exitCodes } from '../exit-codes.ts';
import { printItem } from '../output/print.ts';
import { printable } from '../output/table.ts';
import { auditView } from '../output/views.ts';
import { timeOf } from '../parse.ts';
import { listOptions, showList } from '../watch.ts';

const filters: Options = {
  actor: { value: 'USER', help: 'By this user: ada, or ada/ci for her token.', completes: 'user' },
  action: { value: 'ACTION', help: 'Such as vm.start.' },
  target: { value: 'ID', help: 'To this VM, user or token.' },
  outcome: { value: 'OUTCOME', help: 'accepted, succeeded, failed, cancelled or refused; several with commas.' },
  operation: { value: 'OPERATION', help: 'Of this operation.', completes: 'operation' },
  request: { value: 'ID', help: 'Of this request.' },
  from: {
    value: 'TIME',
    time: true,
    help: 'Not before: 2026-11-30T08:00:00Z, "2026-11-30 08:00" here, or 2h ago as 2h.',
  },
  to: { value: 'TIME', time: true, help: 'Before.' },
};
const fields = { operation: 'operationId', request: 'requestId' } as Readonly<Record<string, string>>;

const queryOf = (given: Given): Record<string, string> =>
  Object.fromEntries(
    Object.keys(filters).flatMap((name) => {
      const value = given.text(name);
      return value === undefined ? [] : [[fields[name] ?? name, filters[name]!.time ? timeOf(name, value) : value]];
    }),
  );

export const auditCommands: readonly Command[] = [
  {
    name: 'audit list',
    summary: 'Show who did what, from where, and how it ended.',
    calls: ['GET /api/v1/audit'],
    options: { ...filters, ...listOptions },
    run: (invocation) =>
      showList(invocation, { route: 'GET /api/v1/audit', query: queryOf(invocation.given), view: auditView }),
  },
  {
    name: 'audit export',
    summary: 'Write all of the audit as lines of JSON, the oldest record first.',
    calls: ['GET /api/v1/audit/export'],
    options: {
      ...filters,
      file: { short: 'f', value: 'FILE', help: 'Where to; standard output unless said.', completes: 'file' },
    },
    examples: ['polyvirt audit export --from 2026-11-01T00:00:00Z -f november.ndjson'],
    run: async ({ client, given }) => {
      const query = new URLSearchParams(queryOf(given)).toString();
      await download(await client(), `/api/v1/audit/export${query && `?${query}`}`, given.text('file'));
    },
  },
  {
    name: 'audit verify',
    summary: 'Check whether the audit is as it was written; exit code 1 when it is not.',
    calls: ['GET /api/v1/audit/verify'],
    run: async (invocation) => {
      type Verdict = components['schemas']['AuditVerdict'];
      const { data } = await call<Verdict>(await invocation.client(), 'GET /api/v1/audit/verify');
      printItem(invocation, { columns: [], key: ({ head }) => head }, data);
      if (data.intact) return exitCodes.ok.code;
      invocation.terminal.tell(
        printable(`The audit is not as it was written: ${data.faults.map(({ detail }) => detail).join(' ')}`),
      );
      return exitCodes.failed.code;
    },
  },
];
