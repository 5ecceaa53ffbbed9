import { bad, type BadRequest } from './bad-request.ts';

const invalid = '400 invalid-input';
const wrong = '409 wrong-state';
type Expected = BadRequest['expected'];

const body = (expected: Expected, what: string, request: `${string} /${string}`, fields: unknown): BadRequest =>
  bad(expected, what, request, { body: fields });

const ids: BadRequest[] = [
  ...[
    'nope',
    'fake-a',
    'fake-a~',
    '~x',
    'FAKE-A~x',
    'fake-a~x~y',
    'fake-a~a.b',
    'fake-a~*',
    'fake-a~%3E',
    'fake-a~x%00y',
    'fake-a~%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '..%2f..%2fusers',
    "fake-a~';%20DROP%20TABLE%20operations;--",
    'fake-a~1%20OR%201=1',
    'fake-a~$(id)',
    'fake-a~%60id%60',
    'fake-a~%F0%9F%9A%80',
    `fake-a~${'x'.repeat(129)}`,
  ].map((id) => bad(invalid, `id ${id.slice(0, 40)}`, `GET /vms/${id}`)),
  bad('404 vm-not-found', 'id of nothing', 'GET /vms/fake-a~nothing'),
  bad('404 vm-not-found', 'id on a host that nobody knows', 'GET /vms/nowhere~x'),
  bad('404 vm-not-found', 'native id of another host', 'GET /vms/{foreign}'),
  bad('404 vm-not-found', 'start by the native id of another host', 'POST /vms/{foreign}/start'),
  bad('404 vm-not-found', 'delete by the native id of another host', 'DELETE /vms/{foreign}'),
  bad('404 vm-not-found', 'edit by the native id of another host', 'PATCH /vms/{foreign}', { body: { cpus: 2 } }),
  bad('404 vm-not-found', 'metrics of nothing', 'GET /vms/fake-a~nothing/metrics'),
  bad('404 vm-not-found', 'snapshots of nothing', 'GET /vms/fake-a~nothing/snapshots'),
  bad('404 archive-not-found', 'archive of nothing', 'GET /archives/fake-a~nothing'),
  bad(invalid, 'archive by a path', 'GET /archives/..%2f..%2fetc%2fpasswd'),
];

const powers: BadRequest[] = [
  body(invalid, 'stop: force as text', 'POST /vms/{running}/stop', { force: 'yes' }),
  ...[0, -1, 1.5, '5', 3_601, null].map((timeoutSeconds) =>
    body(invalid, `stop: timeoutSeconds ${JSON.stringify(timeoutSeconds)}`, 'POST /vms/{running}/stop', {
      timeoutSeconds,
    }),
  ),
  body(invalid, 'stop: an unknown field', 'POST /vms/{running}/stop', { now: true }),
  body(invalid, 'start: a list', 'POST /vms/{stopped}/start', []),
  body(invalid, 'start: a field of stop', 'POST /vms/{stopped}/start', { force: true }),
  body(invalid, 'reset: null', 'POST /vms/{running}/reset', null),
  bad(wrong, 'start of a paused VM', 'POST /vms/{paused}/start'),
  bad(wrong, 'stop of a paused VM', 'POST /vms/{paused}/stop'),
  bad(wrong, 'stop of a suspended VM', 'POST /vms/{suspended}/stop'),
  ...(['restart', 'reset', 'suspend', 'pause', 'resume', 'console'] as const).map((action) =>
    bad(wrong, `${action} of a stopped VM`, `POST /vms/{stopped}/${action}`),
  ),
  body(wrong, 'a text console of a stopped VM', 'POST /vms/{stopped}/console', { kind: 'text' }),
  bad(wrong, 'restart of a paused VM', 'POST /vms/{paused}/restart'),
  bad(wrong, 'delete of a running VM', 'DELETE /vms/{running}'),
  bad(wrong, 'delete of a paused VM', 'DELETE /vms/{paused}'),
  body(wrong, 'clone of a running VM', 'POST /vms/{running}/clone', { name: 'copy' }),
  body(wrong, 'edit of a suspended VM', 'PATCH /vms/{suspended}', { cpus: 2 }),
  body(wrong, 'snapshot of a suspended VM', 'POST /vms/{suspended}/snapshots', { name: 's' }),
];

const inTheWay: BadRequest[] = [
  ...(['start', 'stop', 'restart', 'reset', 'suspend', 'pause', 'resume'] as const).map((action) =>
    bad('409 vm-busy', `${action} of a busy VM`, `POST /vms/{busy}/${action}`),
  ),
  bad('409 vm-busy', 'delete of a busy VM', 'DELETE /vms/{busy}'),
  body('409 vm-busy', 'edit of a busy VM', 'PATCH /vms/{busy}', { cpus: 2 }),
  body('409 vm-busy', 'clone of a busy VM', 'POST /vms/{busy}/clone', { name: 'copy' }),
  body('409 vm-busy', 'snapshot of a busy VM', 'POST /vms/{busy}/snapshots', { name: 's' }),
  bad('409 vm-protected', 'delete of a protected VM', 'DELETE /vms/{protected}'),
  body('501 capability-missing', 'snapshot on a host without', 'POST /vms/{plain}/snapshots', { name: 's' }),
  body('501 capability-missing', 'clone on a host without', 'POST /vms/{plain}/clone', { name: 'copy' }),
  body('501 capability-missing', 'a text console on a host without', 'POST /vms/{plain}/console', { kind: 'text' }),
  ...(['start', 'stop', 'restart', 'reset', 'suspend', 'pause', 'resume', 'console'] as const).map((action) =>
    bad('503 host-offline', `${action} on a host that is offline`, `POST /vms/{away}/${action}`),
  ),
  bad('503 host-offline', 'delete on a host that is offline', 'DELETE /vms/{away}'),
  body('503 host-offline', 'edit on a host that is offline', 'PATCH /vms/{away}', { cpus: 2 }),
  body('503 host-offline', 'clone on a host that is offline', 'POST /vms/{away}/clone', { name: 'copy' }),
  bad('503 host-offline', 'a fresh look at a host that is offline', 'GET /vms/{away}?fresh=true'),
];

const edits: BadRequest[] = [
  body(invalid, 'edit: nothing', 'PATCH /vms/{stopped}', {}),
  body(invalid, 'edit: a list', 'PATCH /vms/{stopped}', []),
  body(invalid, 'edit: no CPUs', 'PATCH /vms/{stopped}', { cpus: 0 }),
  body(invalid, 'edit: memory as text', 'PATCH /vms/{stopped}', { memoryMiB: '64' }),
  body(invalid, 'edit: a name with a slash', 'PATCH /vms/{stopped}', { name: '../x' }),
  body(invalid, 'edit: the state', 'PATCH /vms/{stopped}', { state: 'running' }),
  body(invalid, 'edit: labels that are a list', 'PATCH /vms/{stopped}', { labels: [] }),
  body(invalid, 'edit: labels that are null', 'PATCH /vms/{stopped}', { labels: null }),
  body(invalid, 'edit: notes as a number', 'PATCH /vms/{stopped}', { notes: 1 }),
  body('507 insufficient-capacity', 'edit: more CPUs than the host has', 'PATCH /vms/{stopped}', { cpus: 1_000 }),
  bad('409 wrong-state', 'metrics of a VM that is off', 'GET /vms/{stopped}/metrics'),
  body(invalid, 'edit: disks, which have routes of their own', 'PATCH /vms/{stopped}', {
    disks: [{ device: 'vda', sizeGiB: 20 }],
  }),
  body('409 name-taken', 'edit: a name that is in use', 'PATCH /vms/{stopped}', { name: 'running' }),
  ...['"1-1"', '"0"', 'W/"1-1"', 'abc', "' OR 1=1"].flatMap((etag) => [
    bad('412 stale-revision', `edit: If-Match ${etag}`, 'PATCH /vms/{stopped}', {
      body: { notes: 'x' },
      headers: { 'if-match': etag },
    }),
    bad('412 stale-revision', `delete: If-Match ${etag}`, 'DELETE /vms/{stopped}', { headers: { 'if-match': etag } }),
  ]),
  bad(invalid, 'delete: disks to burn', 'DELETE /vms/{stopped}?disks=burn'),
  bad(invalid, 'delete: an unknown parameter', 'DELETE /vms/{stopped}?force=true'),
  bad(invalid, 'delete: disks twice', 'DELETE /vms/{stopped}?disks=keep&disks=delete'),
];

const copies: BadRequest[] = [
  body(invalid, 'clone: no name', 'POST /vms/{stopped}/clone', {}),
  body(invalid, 'clone: a name with a slash', 'POST /vms/{stopped}/clone', { name: 'a/b' }),
  body(invalid, 'clone: linked as text', 'POST /vms/{stopped}/clone', { name: 'copy', linked: 'yes' }),
  body(invalid, 'clone: another host', 'POST /vms/{stopped}/clone', { name: 'copy', host: 'fake-b' }),
  body('409 name-taken', 'clone: a name that is in use', 'POST /vms/{stopped}/clone', { name: 'running' }),
  body('404 snapshot-not-found', 'clone: a snapshot that is not there', 'POST /vms/{stopped}/clone', {
    name: 'copy',
    snapshot: 'none',
  }),
  body(invalid, 'snapshot: no name', 'POST /vms/{stopped}/snapshots', {}),
  body(invalid, 'snapshot: a name with a slash', 'POST /vms/{stopped}/snapshots', { name: '../s' }),
  body(invalid, 'snapshot: a name of 81 characters', 'POST /vms/{stopped}/snapshots', { name: 'x'.repeat(81) }),
  body(invalid, 'snapshot: a description of 1,025 characters', 'POST /vms/{stopped}/snapshots', {
    name: 's',
    description: 'x'.repeat(1_025),
  }),
  body(invalid, 'snapshot: memory as text', 'POST /vms/{stopped}/snapshots', { name: 's', memory: 'no' }),
  body('409 name-taken', 'snapshot: a name that is in use', 'POST /vms/{snapshotted}/snapshots', { name: 'first' }),
  bad('404 snapshot-not-found', 'revert to nothing', 'POST /vms/{snapshotted}/snapshots/none/revert'),
  bad('404 snapshot-not-found', 'revert to a path', 'POST /vms/{snapshotted}/snapshots/..%2f..%2fetc/revert'),
  bad('404 snapshot-not-found', "revert to another VM's snapshot", 'POST /vms/{stopped}/snapshots/{snapshot}/revert'),
  bad('404 snapshot-not-found', 'delete of a snapshot that is not there', 'DELETE /vms/{snapshotted}/snapshots/none'),
  bad(
    invalid,
    'delete of a snapshot: children that may be',
    'DELETE /vms/{snapshotted}/snapshots/{snapshot}?children=maybe',
  ),
];

const batches: BadRequest[] = [
  body(invalid, 'batch: neither ids nor a filter', 'POST /vms/batch', { action: 'start' }),
  body(invalid, 'batch: ids and a filter', 'POST /vms/batch', { action: 'start', ids: ['fake-a~x'], filter: {} }),
  body(invalid, 'batch: no ids', 'POST /vms/batch', { action: 'start', ids: [] }),
  body(invalid, 'batch: an id that is none', 'POST /vms/batch', { action: 'start', ids: ['x'] }),
  body(invalid, 'batch: 1,001 ids', 'POST /vms/batch', {
    action: 'start',
    ids: Array.from({ length: 1_001 }, (_, n) => `fake-a~${n}`),
  }),
  body(invalid, 'batch: an action that there is not', 'POST /vms/batch', { action: 'explode', filter: {} }),
  body(invalid, 'batch: none in parallel', 'POST /vms/batch', { action: 'start', filter: {}, maxParallel: 0 }),
  body(invalid, 'batch: 101 in parallel', 'POST /vms/batch', { action: 'start', filter: {}, maxParallel: 101 }),
  body(invalid, 'batch: something else on an error', 'POST /vms/batch', {
    action: 'start',
    filter: {},
    onError: 'panic',
  }),
  body(invalid, 'batch: parameters that the action has not', 'POST /vms/batch', {
    action: 'stop',
    filter: {},
    params: { force: 'x' },
  }),
  body(invalid, 'batch: an unknown filter', 'POST /vms/batch', { action: 'start', filter: { colour: 'red' } }),
];

export const machines: BadRequest[] = [...ids, ...powers, ...inTheWay, ...edits, ...copies, ...batches];
