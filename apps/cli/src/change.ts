import { randomUUID } from 'node:crypto';
import type { BatchPlan, Client, Operation, Plan, Problem } from '@polyvirt/api-client';
import { call, listAll, type Call } from './api.ts';
import { Exit, UsageError, type Invocation, type Options, type Route } from './declaration.ts';
import { exitCodeOf, exitCodes, problemLines } from './exit-codes.ts';
import { filterOf, findVms, queryOf, type Vm } from './names.ts';
import { formatOf, printItem } from './output/print.ts';
import { printable, renderTable } from './output/table.ts';
import { operationView } from './output/views.ts';
import { seconds } from './parse.ts';
import { unlessInterrupted, waitForEnd } from './wait.ts';

export const waitOptions: Options = {
  wait: { help: 'Wait until it has ended, which is the default.', excludes: ['no-wait'] },
  'no-wait': { help: 'Print the id of the operation and end.' },
  timeout: {
    value: 'DURATION',
    duration: true,
    help: 'How long to wait for the end: `90s`, `10m` (default), `2h`. The operation continues then.',
  },
};

/** Options of every change of a VM. */
export const changeOptions: Options = {
  'dry-run': { help: 'Print the plan and change nothing.' },
  ...waitOptions,
  queue: { help: 'When the host is offline, wait for it.' },
  'idempotency-key': { value: 'KEY', help: 'A repeat with the same key is the same change.' },
};

export const yesOption: Options = { yes: { short: 'y', help: 'Do not ask.' } };

export interface Change extends Pick<Call, 'path' | 'query' | 'body'> {
  readonly route: Route;
}

/** Asks for a change, or for its plan, and waits for the end as the options say. Resolves with the exit code. */
export async function change(
  invocation: Invocation,
  client: Client,
  { route, path, query, body }: Change,
): Promise<number> {
  const { given } = invocation;
  const isDelete = route.startsWith('DELETE');
  const queued = given.flag('queue') ? { whenOffline: 'queue' } : {};
  const common: Call = {
    ...(path && { path }),
    query: { ...query, ...(isDelete && queued) },
    ...(!isDelete && { body: { ...(body as object | undefined), ...queued } }),
  };
  if (given.flag('dry-run')) {
    const query = { ...common.query, dryRun: 'true' };
    const { data } = await call<Plan | BatchPlan>(client, route, { ...common, query });
    return showPlan(invocation, data);
  }
  const header: Record<string, string> = route.startsWith('POST')
    ? { 'Idempotency-Key': given.text('idempotency-key') ?? randomUUID() }
    : {};
  const { data } = await unlessInterrupted(call<Operation>(client, route, { ...common, header }));
  return finish(invocation, client, data);
}

/** Waits for an operation that was asked for, as the options say, and shows how it ended. */
export async function finish(invocation: Invocation, client: Client, operation: Operation): Promise<number> {
  const { given, terminal } = invocation;
  const timeout = seconds('timeout', given.text('timeout') ?? '10m');
  if (given.flag('no-wait')) {
    if (formatOf(invocation) === 'table') terminal.print(operation.id);
    else printItem(invocation, operationView, operation);
    return exitCodes.ok.code;
  }
  return showEnd(invocation, client, await waitForEnd(client, terminal, operation, timeout));
}

async function showEnd(invocation: Invocation, client: Client, ended: Operation): Promise<number> {
  const { terminal } = invocation;
  const { id, verb, vmId, status, changed, result } = ended;
  const format = formatOf(invocation);
  if (format === 'name') terminal.print(result?.vmId ?? vmId ?? id);
  else if (format === 'table' || format === 'wide') {
    const about = result?.vmId ?? vmId;
    terminal.print(
      [verb, ...(about ? [about] : []), status, ...(changed === false ? ['(was so already)'] : [])].join(' '),
    );
  } else printItem(invocation, operationView, ended);
  for (const note of result?.notes ?? []) terminal.tell(`Note: ${printable(note)}`);
  for (const { pointer } of result?.pendingChanges ?? [])
    terminal.tell(`Note: ${pointer} applies at the next power-off.`);
  const parts = (result?.operations ?? []).length > 0;
  if (parts && (status !== 'succeeded' || (result?.failed ?? 0) > 0)) return showParts(invocation, client, ended);
  if (status === 'succeeded') return exitCodes.ok.code;
  if (!ended.error) {
    terminal.tell(`Operation ${id} is ${status}.`);
    return exitCodes.failed.code;
  }
  for (const line of problemLines(ended.error)) terminal.tell(printable(line));
  return exitCodeOf(ended.error);
}

/** Of a batch that did not go well everywhere: what failed and why. */
async function showParts({ terminal }: Invocation, client: Client, { id, result }: Operation): Promise<number> {
  const parts = await listAll<Operation>(client, 'GET /api/v1/operations', { query: { parent: id } });
  const bad = parts.filter(({ status }) => status === 'failed' || status === 'cancelled');
  for (const { vmId, status, error } of bad) terminal.tell(printable(`${vmId}: ${error?.detail ?? status}`));
  terminal.tell(`${result?.succeeded ?? 0} succeeded, ${result?.failed ?? 0} failed, ${result?.skipped ?? 0} skipped.`);
  return codeOfParts(
    (result?.succeeded ?? 0) > 0,
    bad.map(({ error }) => error),
  );
}

/** Some went well: 7. None did: what they share, else 1. */
function codeOfParts(someWell: boolean, problems: readonly (Problem | undefined)[]): number {
  if (someWell) return exitCodes.partial.code;
  const codes = new Set(problems.map((problem) => (problem ? exitCodeOf(problem) : exitCodes.failed.code)));
  return codes.size === 1 ? [...codes][0]! : exitCodes.failed.code;
}

function showPlan(invocation: Invocation, plan: Plan | BatchPlan): number {
  const { terminal } = invocation;
  const format = formatOf(invocation);
  const isBatch = 'items' in plan;
  if (format === 'json' || format === 'yaml') printItem(invocation, { columns: [], key: () => '' }, plan);
  else for (const line of isBatch ? batchPlanLines(plan) : planLines(plan)) terminal.print(line);
  if (!isBatch) return exitCodes.ok.code;
  const problems = plan.items.flatMap(({ problem }) => problem ?? []);
  if (problems.length === 0) return exitCodes.ok.code;
  return codeOfParts(problems.length < plan.items.length, problems);
}

const shown = (value: unknown) =>
  typeof value === 'string' ? value : value === undefined ? undefined : JSON.stringify(value);

function planLines({ changes, disruption, steps, warnings, partial }: Plan): string[] {
  const table = renderTable(
    [
      { header: 'CHANGE', value: ({ pointer }: Plan['changes'][number]) => pointer },
      { header: 'FROM', value: ({ from }) => shown(from) },
      { header: 'TO', value: ({ to }) => shown(to) },
      { header: 'WHEN', value: ({ when }) => when },
    ],
    changes,
  );
  return [
    ...(changes.length === 0 ? ['Nothing would change.'] : table),
    `Disruption: ${disruption}`,
    ...steps.map(({ name, native }, index) => printable(`Step ${index + 1}: ${name}${native ? ` (${native})` : ''}`)),
    ...warnings.map(({ code, detail }) => printable(`Warning: ${detail} (${code})`)),
    ...(partial ? ['The host could not be asked; it may still refuse.'] : []),
    'Plan only: nothing has been changed.',
  ];
}

function batchPlanLines({ items, disruption }: BatchPlan): string[] {
  const table = renderTable(
    [
      { header: 'VM', value: ({ vmId }: BatchPlan['items'][number]) => vmId },
      { header: 'DISRUPTION', value: ({ plan }) => plan?.disruption },
      {
        header: 'CHANGES',
        value: ({ plan }) => plan && (plan.changes.map(({ pointer }) => pointer).join(' ') || 'none'),
      },
      { header: 'PROBLEM', value: ({ problem }) => problem?.detail },
    ],
    items,
  );
  return [...table, `Disruption: ${disruption}`, 'Plan only: nothing has been changed.'];
}

export interface VmChange {
  /** For one VM; its path has `{vmId}` and what `path` adds. */
  readonly route: Route;
  /** The same in a batch. */
  readonly action: string;
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: Readonly<Record<string, unknown>>;
  /** Asked before it is done, with the VMs behind it: `Delete`. */
  readonly danger?: string;
}

/** A change of the VMs that the arguments or filters name: one by its own route, several as a batch. */
export async function changeVms(
  invocation: Invocation,
  { route, action, path, query, body, danger }: VmChange,
): Promise<number> {
  const { args, given, terminal } = invocation;
  const filter = filterOf(given);
  if (args.length > 0 && filter) throw new UsageError('Name VMs or give filters, not both.');
  if (args.length === 0 && !filter) throw new UsageError('Which VMs? Name them, or say --filter or --label.');
  const client = await invocation.client();
  const vms = filter
    ? await listAll<Vm>(client, 'GET /api/v1/vms', { query: queryOf(filter) })
    : await findVms(client, args);
  if (vms.length === 0) {
    terminal.tell('No VM fits the filter; nothing was done.');
    return exitCodes.ok.code;
  }
  if (danger)
    await confirm(invocation, `${danger} ${vms.length === 1 ? vms[0]!.name : `${vms.length} VMs (${nameSome(vms)})`}?`);
  if (vms.length === 1) {
    const single = { route, path: { ...path, vmId: vms[0]!.id }, ...(query && { query }), ...(body && { body }) };
    return change(invocation, client, single);
  }
  const ids = vms.map(({ id }) => id);
  const params = { ...path, ...query, ...body };
  return change(invocation, client, { route: 'POST /api/v1/vms/batch', body: { ids, action, params } });
}

const nameSome = (vms: readonly { name: string }[]) =>
  printable(
    vms
      .slice(0, 5)
      .map(({ name }) => name)
      .join(', ') + (vms.length > 5 ? ', …' : ''),
  );

/** Throws `Exit` 130 unless the answer is yes, and `UsageError` where nobody can be asked. */
export async function confirm({ given, terminal }: Invocation, question: string): Promise<void> {
  if (given.flag('yes') || given.flag('dry-run')) return;
  if (!terminal.isInteractive) throw new UsageError(`${question} Say --yes; there is nobody to ask.`);
  const answer = await terminal.ask(`${printable(question)} [y/N]`);
  if (!/^y(es)?$/i.test(answer.trim())) throw new Exit(exitCodes.interrupted.code, 'Nothing was done.');
}
