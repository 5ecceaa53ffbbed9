import { bad, type BadRequest } from './bad-request.ts';

const invalid = '400 invalid-input';
type Expected = BadRequest['expected'];

const body = (expected: Expected, what: string, request: `${string} /${string}`, fields: unknown): BadRequest =>
  bad(expected, what, request, { body: fields });
const shown = (value: unknown) => JSON.stringify(value)?.slice(0, 40);

const powers: BadRequest[] = (
  [
    ['start', 'stopped'],
    ['restart', 'running'],
    ['reset', 'running'],
    ['suspend', 'running'],
    ['pause', 'running'],
    ['resume', 'paused'],
  ] as const
).flatMap(([verb, vm]) => [
  ...[0, 1.5, '5', 3_601, null].map((timeoutSeconds) =>
    body(invalid, `${verb}: timeoutSeconds ${shown(timeoutSeconds)}`, `POST /vms/{${vm}}/${verb}`, { timeoutSeconds }),
  ),
  body(invalid, `${verb}: a field that there is not`, `POST /vms/{${vm}}/${verb}`, { gently: true }),
  bad(invalid, `${verb}: a parameter that there is not`, `POST /vms/{${vm}}/${verb}?gently=true`),
]);

const edit = (expected: Expected, what: string, fields: object) =>
  body(expected, `change: ${what}`, 'PATCH /vms/{stopped}', fields);

const edits: BadRequest[] = [
  ...[1.5, '2', null, 1_025, -1].map((cpus) => edit(invalid, `cpus ${shown(cpus)}`, { cpus })),
  ...[15, 1.5, null, 16_777_217].map((memoryMiB) => edit(invalid, `memoryMiB ${memoryMiB}`, { memoryMiB })),
  ...['', ' x', 'x ', '.', '..', 'a\\b', 'a\nb', 'x'.repeat(81), null, 7].map((name) =>
    edit(invalid, `the name ${shown(name)}`, { name }),
  ),
  edit('507 insufficient-capacity', 'more memory than the host has', { memoryMiB: 10_000_000 }),
  edit('507 insufficient-capacity', 'more CPUs than the host has, beside what is right', { name: 'right', cpus: 999 }),
  edit('409 name-taken', 'a name that differs in case only', { name: 'RUNNING' }),
  edit(invalid, 'a label that is a list', { labels: { a: [] }, cpus: 2 }),
  edit(invalid, 'notes that are too long', { notes: 'x'.repeat(16_385), cpus: 2 }),
  edit(invalid, 'a protection that may be', { protected: 'maybe', cpus: 2 }),
  edit(invalid, 'a time that is over', { cpus: 2, notAfter: '2020-01-01T00:00:00Z' }),
  edit(invalid, 'a way to wait that there is not', { cpus: 2, whenOffline: 'perhaps' }),
  bad(invalid, 'change: a plan that may be', 'PATCH /vms/{stopped}?dryRun=maybe', { body: { cpus: 2 } }),
  bad(invalid, 'change: a parameter that there is not', 'PATCH /vms/{stopped}?force=true', { body: { cpus: 2 } }),
];

const copies: BadRequest[] = [
  ...['', null, 7, 'x'.repeat(81), ' x'].map((name) =>
    body(invalid, `clone: the name ${shown(name)}`, 'POST /vms/{stopped}/clone', { name }),
  ),
  body(invalid, 'clone: a snapshot of no name', 'POST /vms/{stopped}/clone', { name: 'copy', snapshot: '' }),
  body(invalid, 'clone: start as a word', 'POST /vms/{stopped}/clone', { name: 'copy', start: 'yes' }),
  body(invalid, 'clone: a time that is over', 'POST /vms/{stopped}/clone', {
    name: 'copy',
    notAfter: '2020-01-01T00:00:00Z',
  }),
  body('409 wrong-state', 'clone: of a suspended VM', 'POST /vms/{suspended}/clone', { name: 'copy' }),
  body('409 name-taken', 'clone: a name that differs in case only', 'POST /vms/{stopped}/clone', { name: 'Running' }),
  ...['', null, 7, 'a/b'].map((name) =>
    body(invalid, `snapshot: the name ${shown(name)}`, 'POST /vms/{stopped}/snapshots', { name }),
  ),
  body(invalid, 'snapshot: a description that is a number', 'POST /vms/{stopped}/snapshots', {
    name: 's',
    description: 1,
  }),
  body(invalid, 'snapshot: memory as null', 'POST /vms/{stopped}/snapshots', { name: 's', memory: null }),
  body(invalid, 'revert: a list', 'POST /vms/{snapshotted}/snapshots/{snapshot}/revert', []),
  body(invalid, 'revert: a field', 'POST /vms/{snapshotted}/snapshots/{snapshot}/revert', { start: true }),
  body(
    '404 snapshot-not-found',
    'revert: a name that no snapshot has',
    'POST /vms/{stopped}/snapshots/first/revert',
    {},
  ),
  bad('409 vm-busy', 'pending changes: of a busy VM', 'DELETE /vms/{busy}/pending-changes'),
  bad('404 vm-not-found', 'pending changes: of nothing', 'DELETE /vms/fake-a~nothing/pending-changes'),
  bad('503 host-offline', 'pending changes: on a host that is offline', 'DELETE /vms/{away}/pending-changes'),
  bad(invalid, 'pending changes: a parameter that there is not', 'DELETE /vms/{stopped}/pending-changes?all=true'),
];

/** What only the host knows: its storage is not in what memory has of it. */
const hosts: BadRequest[] = [
  body('507 insufficient-capacity', 'create: more storage than the host has', 'POST /vms', {
    host: 'fake-a',
    name: 'huge',
    disks: Array.from({ length: 32 }, () => ({ sizeGiB: 65_536 })),
  }),
  bad(invalid, 'create: a parameter that there is not', 'POST /vms?force=true', {
    body: { host: 'fake-a', name: 'new' },
  }),
];

const batch = (what: string, action: string, params: unknown) =>
  body(invalid, `batch: ${what}`, 'POST /vms/batch', { action, params, filter: {} });
const batches: BadRequest[] = [
  batch('a clone without a name', 'clone', {}),
  batch('a snapshot without a name', 'snapshot', {}),
  batch('a revert to nothing', 'snapshot-revert', {}),
  batch('a change of nothing that there is', 'reconfigure', { colour: 'red' }),
  batch('a change that no VM can have', 'reconfigure', { cpus: 0 }),
  batch('labels that are none', 'reconfigure', { labels: { a: 1 } }),
  batch('disks to burn', 'delete', { disks: 'burn' }),
  batch('parameters that are a list', 'stop', []),
  batch('an option of the single request', 'start', { whenOffline: 'queue' }),
];

/** Bodies that are refused before there is an operation, whether they ask for the change or for its plan. */
export const planning: BadRequest[] = [...powers, ...edits, ...copies, ...hosts, ...batches];
