import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient } from '@polyvirt/api-client';
import { problems, type ProblemCode } from '@polyvirt/contracts';
import { eventually } from '@polyvirt/bus/testing';
import { createVm, editVm, power } from './requests.ts';
import { Stack } from './stack/stack.ts';

const startWithinMs = 180_000;
const MIB = 2 ** 20;

interface Sent {
  /** JSON of the body. */
  readonly body?: unknown;
  /** The body as it is. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Record<string, string>;
  /** Who asks; the administrator unless told. */
  readonly as?: 'admin' | 'viewer' | 'operator' | 'nobody';
  readonly token?: string;
}

/** What is asked, how, and which problem answers; the third member may need the stack. */
type Row = readonly [
  what: string,
  method: string,
  path: string | (() => string),
  sent: Sent | (() => Sent),
  code: ProblemCode,
  pointer?: string,
];

let stack: Stack;
const tokens: Record<'admin' | 'viewer' | 'operator', string> = { admin: '', viewer: '', operator: '' };
const vm = { running: '', stopped: '', protected: '', suspended: '', offline: '' };
const user = { id: '' };

beforeAll(async () => {
  stack = await Stack.start({
    agents: [
      { kind: 'fake', id: 'host-a' },
      { kind: 'fake', id: 'host-b' },
      { kind: 'fake', id: 'host-gone' },
    ],
  });
  const { admin } = stack;
  const make = async (host: string, name: string, more: object = {}) =>
    (await createVm(admin, { host, name, disks: [{ sizeGiB: 2 }], ...more })).id;
  vm.running = await make('host-a', 'running', { start: true, nics: [{ network: 'default' }] });
  vm.stopped = await make('host-a', 'stopped');
  vm.protected = await make('host-a', 'protected');
  await editVm(admin, vm.protected, { protected: true });
  vm.suspended = await make('host-b', 'suspended', { start: true });
  await power(admin, vm.suspended, 'suspend');
  vm.offline = await make('host-gone', 'out of reach');
  const password = 'a long enough password';
  for (const role of ['viewer', 'operator'] as const) {
    const { data } = await admin.POST('/api/v1/users', { body: { username: role, password, role } });
    if (role === 'viewer') user.id = data.id;
    tokens[role] = await logIn(role, password);
  }
  tokens.admin = await logIn('admin', stack.adminPassword);
  await stack.kill('agent-host-gone');
  await eventually(async () => {
    const { data } = await admin.GET('/api/v1/hosts/{hostId}', { params: { path: { hostId: 'host-gone' } } });
    expect(data.state).toBe('offline');
  }, 30_000);
}, startWithinMs);

afterAll(async () => {
  await stack?.stop();
}, startWithinMs);

async function logIn(username: string, password: string): Promise<string> {
  const { data } = await createClient({ url: stack.url() }).POST('/api/v1/auth/login', {
    body: { username, password },
  });
  return data.accessToken;
}

/** The administrator's token with other claims or another header, signed with any secret. */
function forged(
  claims: object,
  { header = { alg: 'HS256', typ: 'JWT' }, secret = stack.jwtSecret }: { header?: object; secret?: string } = {},
): string {
  const [, payload] = tokens.admin.split('.');
  const original = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as object;
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode(header)}.${encode({ ...original, ...claims })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

const create = (changes: object, pointer?: string, code: ProblemCode = 'invalid-input') =>
  [{ body: { host: 'host-a', name: 'new', disks: [{ sizeGiB: 1 }], ...changes } }, code, pointer] as const;
const vms = '/api/v1/vms';
const at =
  (kind: keyof typeof vm, rest = '') =>
  () =>
    `${vms}/${vm[kind]}${rest}`;
const nowhere = 'host-a~no-such-vm';
const hours = (count: number) => new Date(Date.now() + count * 3_600_000).toISOString();

const creating: Row[] = (
  [
    ['no name', create({ name: undefined }, '/name')],
    ['an empty name', create({ name: '' }, '/name')],
    ['a name of blanks', create({ name: '   ' }, '/name')],
    ['a number for a name', create({ name: 7 }, '/name')],
    ['null for a name', create({ name: null }, '/name')],
    ['a list for a name', create({ name: ['a'] }, '/name')],
    ['a name of 81 characters', create({ name: 'x'.repeat(81) }, '/name')],
    ['a name with a slash', create({ name: 'a/b' }, '/name')],
    ['a name that climbs', create({ name: '../../etc/passwd' }, '/name')],
    ['a name that climbs on Windows', create({ name: '..\\..\\boot.ini' }, '/name')],
    ['two dots for a name', create({ name: '..' }, '/name')],
    ['a dot for a name', create({ name: '.' }, '/name')],
    ['a name with a NUL', create({ name: 'a\0b' }, '/name')],
    ['a name of two lines', create({ name: 'a\nb' }, '/name')],
    ['a name with an escape sequence', create({ name: '\u001b[2J' }, '/name')],
    ['half a surrogate pair in a name', create({ name: 'a\ud800' }, '/name')],
    ['a line separator in a name', create({ name: 'a\u2028b' }, '/name')],
    ['a name with a blank at its end', create({ name: 'web ' }, '/name')],
    ['a name in use', create({ name: 'stopped' }, undefined, 'name-taken')],
    ['no host', create({ host: undefined }, '/host')],
    ['a host that is no slug', create({ host: 'Host A' }, '/host')],
    ['a host with a wildcard', create({ host: '*' }, '/host')],
    ['a host with a dot', create({ host: 'host-a.vm' }, '/host')],
    ['a host that climbs', create({ host: '../host-a' }, '/host')],
    ['SQL for a host', create({ host: "a'; DROP TABLE operation;--" }, '/host')],
    ['a host that is not there', create({ host: 'host-c' }, undefined, 'host-not-found')],
    ['a host that is offline', create({ host: 'host-gone' }, undefined, 'host-offline')],
    ['no CPUs', create({ cpus: 0 }, '/cpus')],
    ['fewer CPUs than none', create({ cpus: -1 }, '/cpus')],
    ['half a CPU', create({ cpus: 1.5 }, '/cpus')],
    ['too many CPUs', create({ cpus: 1_025 }, '/cpus')],
    ['text for CPUs', create({ cpus: '2' }, '/cpus')],
    ['a truth for CPUs', create({ cpus: true }, '/cpus')],
    ['too little memory', create({ memoryMiB: 15 }, '/memoryMiB')],
    ['too much memory', create({ memoryMiB: 16_777_217 }, '/memoryMiB')],
    ['memory beyond every number', create({ memoryMiB: 1e300 }, '/memoryMiB')],
    ['memory with a fraction', create({ memoryMiB: 100.5 }, '/memoryMiB')],
    ['text for memory', create({ memoryMiB: '1 GiB' }, '/memoryMiB')],
    ['a firmware that is none', create({ firmware: 'coreboot' }, '/firmware')],
    ['an object for disks', create({ disks: {} }, '/disks')],
    ['33 disks', create({ disks: Array.from({ length: 33 }, () => ({ sizeGiB: 1 })) }, '/disks')],
    ['a disk of nothing', create({ disks: [{}] }, '/disks/0/sizeGiB')],
    ['a disk without a size', create({ disks: [{ sizeGiB: 0 }] }, '/disks/0/sizeGiB')],
    ['a disk with a fraction', create({ disks: [{ sizeGiB: 1.5 }] }, '/disks/0/sizeGiB')],
    ['a disk that is too large', create({ disks: [{ sizeGiB: 65_537 }] }, '/disks/0/sizeGiB')],
    ['a disk with a field too many', create({ disks: [{ sizeGiB: 1, path: '/etc/shadow' }] }, '/disks/0/path')],
    ['a copy that is none', create({ disks: [{ image: 'tiny-linux', copy: 'deep' }] }, '/disks/0/copy')],
    ['an empty image', create({ disks: [{ image: '' }] }, '/disks/0/image')],
    ['a NIC without a network', create({ nics: [{}] }, '/nics/0/network')],
    [
      'a NIC with an address that is none',
      create({ nics: [{ network: 'default', address: '10.0.0.256' }] }, '/nics/0/address'),
    ],
    ['a NIC with a MAC that is none', create({ nics: [{ network: 'default', mac: '52:54:00' }] }, '/nics/0/mac')],
    ['17 NICs', create({ nics: Array.from({ length: 17 }, () => ({ network: 'default' })) }, '/nics')],
    ['cloud-init of the wrong kind', create({ cloudInit: '#cloud-config' }, '/cloudInit')],
    ['cloud-init without user data', create({ cloudInit: {} }, '/cloudInit/userData')],
    ['user data that is too long', create({ cloudInit: { userData: 'x'.repeat(65_537) } }, '/cloudInit/userData')],
    ['labels of the wrong kind', create({ labels: ['a'] }, '/labels')],
    ['a label that is a number', create({ labels: { env: 7 } }, '/labels/env')],
    ['a label key with a blank', create({ labels: { 'a b': 'x' } }, '/labels/a b')],
    [
      '65 labels',
      create({ labels: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, 'v'])) }, '/labels'),
    ],
    ['a label value that is too long', create({ labels: { env: 'x'.repeat(257) } }, '/labels/env')],
    ['notes that are too long', create({ notes: 'x'.repeat(16_385) }, '/notes')],
    ['text for a truth', create({ start: 'yes' }, '/start')],
    ['a field nobody knows', create({ colour: 'blue' }, '/colour')],
    ['a field of the answer', create({ id: 'host-a~x' }, '/id')],
    ['a template beside disks', create({ template: 'golden' }, '/template')],
    ['a template that is not there', create({ template: 'golden', disks: [] }, undefined, 'template-not-found')],
    ['an image that is not there', create({ disks: [{ image: 'no-such-image' }] }, undefined, 'image-not-found')],
    ['an image that climbs', create({ disks: [{ image: '../../etc/shadow' }] }, undefined, 'image-not-found')],
    ['a network that is not there', create({ nics: [{ network: '$(reboot)' }] }, undefined, 'network-not-found')],
    ['an ISO that is not there', create({ cdrom: '`id`' }, undefined, 'image-not-found')],
    ['an end that is over', create({ notAfter: '2020-01-01T00:00:00Z' }, '/notAfter')],
    ['an end that is no time', create({ notAfter: 'tomorrow' }, '/notAfter')],
    ['a word for whenOffline that is none', create({ whenOffline: 'maybe' }, '/whenOffline')],
  ] as const
).map(([what, [sent, code, pointer]]): Row => [
  `create with ${what}`,
  'POST',
  vms,
  { ...sent, headers: { Prefer: 'wait=30' } },
  code,
  pointer,
]);

const bodies: Row[] = [
  [
    'an end more than a day ahead',
    'POST',
    vms,
    () => ({ body: { host: 'host-a', name: 'new', notAfter: hours(25) } }),
    'invalid-input',
    '/notAfter',
  ],
  ['no body', 'POST', vms, {}, 'invalid-input'],
  ['an empty body', 'POST', vms, { raw: '' }, 'invalid-input'],
  ['half a JSON text', 'POST', vms, { raw: '{"host":"host-a","name":"n' }, 'invalid-input'],
  ['two JSON texts', 'POST', vms, { raw: '{}{}' }, 'invalid-input'],
  ['a comma too many', 'POST', vms, { raw: '{"host":"host-a",}' }, 'invalid-input'],
  ['a list for a body', 'POST', vms, { raw: '[]' }, 'invalid-input'],
  ['text for a body', 'POST', vms, { raw: '"create"' }, 'invalid-input'],
  ['null for a body', 'POST', vms, { raw: 'null' }, 'invalid-input'],
  ['bytes that are no text', 'POST', vms, { raw: new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]) }, 'invalid-input'],
  [
    'a key that reaches for the prototype',
    'POST',
    vms,
    { raw: '{"__proto__":{"admin":true},"host":"host-a","name":"new"}' },
    'invalid-input',
  ],
  ['a huge body', 'POST', vms, () => ({ raw: `{"name":"${'x'.repeat(2 * MIB)}"}` }), 'body-too-large'],
  ['a deep body', 'POST', vms, () => ({ raw: `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}` }), 'invalid-input'],
  [
    'a form',
    'POST',
    vms,
    { raw: 'host=host-a', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    'unsupported-media-type',
  ],
  ['XML', 'POST', vms, { raw: '<vm/>', headers: { 'content-type': 'application/xml' } }, 'unsupported-media-type'],
];

const listing: Row[] = (
  [
    ['a limit of nothing', 'limit=0', 'limit'],
    ['a limit below nothing', 'limit=-1', 'limit'],
    ['a limit that is too high', 'limit=501', 'limit'],
    ['text for a limit', 'limit=all', 'limit'],
    ['a cursor that is none', 'cursor=AAAA', 'cursor'],
    ['a cursor that climbs', 'cursor=../../x', 'cursor'],
    ['SQL for a cursor', "cursor=' OR 1=1--", 'cursor'],
    ['an order that is none', 'sort=shoe-size', 'sort'],
    ['SQL for an order', 'sort=name;DROP TABLE vm', 'sort'],
    ['a state that is none', 'state=happy', 'state'],
    ['a hypervisor that is none', 'hypervisor=xen', 'hypervisor'],
    ['a host that is no slug', 'host=*', 'host'],
    ['a filter nobody knows', 'colour=blue', 'colour'],
    ['an empty search', 'q=', 'q'],
    ['a page number', 'page=2', 'page'],
  ] as const
).map(([what, query, parameter]): Row => [
  `list with ${what}`,
  'GET',
  `${vms}?${encodeURI(query).replaceAll('+', '%2B')}`,
  {},
  'invalid-input',
  parameter,
]);

const ids: Row[] = [
  ['read a VM that is not there', 'GET', `${vms}/${nowhere}`, {}, 'vm-not-found'],
  ['read a VM of a host that is not there', 'GET', `${vms}/host-c~a`, {}, 'vm-not-found'],
  ['read a VM by a name', 'GET', `${vms}/stopped`, {}, 'invalid-input', 'vmId'],
  ['read a VM by a path', 'GET', `${vms}/host-a~..%2F..%2Fetc`, {}, 'invalid-input', 'vmId'],
  ['read a VM by SQL', 'GET', `${vms}/host-a~'%20OR%20'1'%3D'1`, {}, 'invalid-input', 'vmId'],
  ['read a VM by a wildcard', 'GET', `${vms}/host-a~*`, {}, 'invalid-input', 'vmId'],
  ['read a VM by a subject', 'GET', `${vms}/host-a~x.%3E`, {}, 'invalid-input', 'vmId'],
  ['read a VM by a NUL', 'GET', `${vms}/host-a~%00`, {}, 'invalid-input', 'vmId'],
  ['read a VM by an id that is too long', 'GET', `${vms}/host-a~${'x'.repeat(129)}`, {}, 'invalid-input', 'vmId'],
  [
    'read a VM under the id of another host',
    'GET',
    () => `${vms}/host-b~${vm.stopped.split('~')[1]}`,
    {},
    'vm-not-found',
  ],
  [
    'start a VM under the id of another host',
    'POST',
    () => `${vms}/host-b~${vm.stopped.split('~')[1]}/start`,
    { body: {} },
    'vm-not-found',
  ],
  [
    'delete a VM under the id of another host',
    'DELETE',
    () => `${vms}/host-b~${vm.stopped.split('~')[1]}`,
    {},
    'vm-not-found',
  ],
  ['start a VM that is not there', 'POST', `${vms}/${nowhere}/start`, { body: {} }, 'vm-not-found'],
  ['clone a VM that is not there', 'POST', `${vms}/${nowhere}/clone`, { body: { name: 'x' } }, 'vm-not-found'],
  ['read the metrics of a VM that is not there', 'GET', `${vms}/${nowhere}/metrics`, {}, 'vm-not-found'],
  ['list the snapshots of a VM that is not there', 'GET', `${vms}/${nowhere}/snapshots`, {}, 'vm-not-found'],
  ['open the console of a VM that is not there', 'POST', `${vms}/${nowhere}/console`, {}, 'vm-not-found'],
  ['read a host that is not there', 'GET', '/api/v1/hosts/host-c', {}, 'host-not-found'],
  ['list the images of a host that is not there', 'GET', '/api/v1/hosts/host-c/images', {}, 'host-not-found'],
  [
    'read an operation that is not there',
    'GET',
    '/api/v1/operations/01a200da-adf8-72dd-9ae7-dccb75af01d9',
    {},
    'operation-not-found',
  ],
  ['read an operation by a word', 'GET', '/api/v1/operations/last', {}, 'invalid-input', 'operationId'],
  [
    'cancel an operation that is not there',
    'POST',
    '/api/v1/operations/01a200da-adf8-72dd-9ae7-dccb75af01d9/cancel',
    {},
    'operation-not-found',
  ],
  [
    'retry an operation that is not there',
    'POST',
    '/api/v1/operations/01a200da-adf8-72dd-9ae7-dccb75af01d9/retry',
    {},
    'operation-not-found',
  ],
  ['read the archive of a VM that is not there', 'GET', `/api/v1/archives/${nowhere}`, {}, 'archive-not-found'],
  ['read a user that is not there', 'GET', '/api/v1/users/01a200da-adf8-72dd-9ae7-dccb75af01d9', {}, 'user-not-found'],
  [
    'delete a token that is not there',
    'DELETE',
    '/api/v1/tokens/01a200da-adf8-72dd-9ae7-dccb75af01d9',
    {},
    'token-not-found',
  ],
  ['an address that is not there', 'GET', '/api/v1/machines', {}, 'route-not-found'],
  ['an address behind an action', 'POST', at('stopped', '/start/now'), { body: {} }, 'route-not-found'],
  ['a method that is not there', 'PUT', at('stopped'), { body: {} }, 'method-not-allowed'],
  ['deleting a list', 'DELETE', vms, {}, 'method-not-allowed'],
  ['an address that does not decode', 'GET', '/api/v1/vms/%zz', {}, 'invalid-input'],
];

const states: Row[] = [
  ['restart a VM that is off', 'POST', at('stopped', '/restart'), { body: {} }, 'wrong-state'],
  ['reset a VM that is off', 'POST', at('stopped', '/reset'), { body: {} }, 'wrong-state'],
  ['suspend a VM that is off', 'POST', at('stopped', '/suspend'), { body: {} }, 'wrong-state'],
  ['pause a VM that is off', 'POST', at('stopped', '/pause'), { body: {} }, 'wrong-state'],
  ['resume a VM that is off', 'POST', at('stopped', '/resume'), { body: {} }, 'wrong-state'],
  ['the console of a VM that is off', 'POST', at('stopped', '/console'), {}, 'wrong-state'],
  ['delete a running VM', 'DELETE', at('running'), {}, 'wrong-state'],
  ['clone a running VM', 'POST', at('running', '/clone'), { body: { name: 'copy' } }, 'wrong-state'],
  ['stop a suspended VM', 'POST', at('suspended', '/stop'), { body: {} }, 'wrong-state'],
  ['reconfigure a suspended VM', 'PATCH', at('suspended'), { body: { cpus: 2 } }, 'wrong-state'],
  ['snapshot a suspended VM', 'POST', at('suspended', '/snapshots'), { body: { name: 's' } }, 'wrong-state'],
  ['delete a protected VM', 'DELETE', at('protected'), {}, 'vm-protected'],
  ['start a VM of a host that is offline', 'POST', at('offline', '/start'), { body: {} }, 'host-offline'],
  ['delete a VM of a host that is offline', 'DELETE', at('offline'), {}, 'host-offline'],
  ['open the console of a VM of a host that is offline', 'POST', at('offline', '/console'), {}, 'host-offline'],
  ['rename to a name in use', 'PATCH', at('stopped'), { body: { name: 'running' } }, 'name-taken'],
  ['clone to a name in use', 'POST', at('stopped', '/clone'), { body: { name: 'running' } }, 'name-taken'],
  [
    'revert to a snapshot that is not there',
    'POST',
    at('stopped', '/snapshots/nothing/revert'),
    { body: {}, headers: { Prefer: 'wait=30' } },
    'snapshot-not-found',
  ],
];

const edits: Row[] = [
  [
    'stop with a time of nothing',
    'POST',
    at('running', '/stop'),
    { body: { timeoutSeconds: 0 } },
    'invalid-input',
    '/timeoutSeconds',
  ],
  [
    'stop with a time that is too long',
    'POST',
    at('running', '/stop'),
    { body: { timeoutSeconds: 3_601 } },
    'invalid-input',
    '/timeoutSeconds',
  ],
  ['stop with text for force', 'POST', at('running', '/stop'), { body: { force: 'true' } }, 'invalid-input', '/force'],
  ['start with force', 'POST', at('stopped', '/start'), { body: { force: true } }, 'invalid-input', '/force'],
  ['change the id', 'PATCH', at('stopped'), { body: { id: 'host-a~other' } }, 'invalid-input', '/id'],
  ['change the state', 'PATCH', at('stopped'), { body: { state: 'running' } }, 'invalid-input', '/state'],
  ['change the host', 'PATCH', at('stopped'), { body: { host: 'host-b' } }, 'invalid-input', '/host'],
  ['rename to a path', 'PATCH', at('stopped'), { body: { name: '/etc/cron.d/x' } }, 'invalid-input', '/name'],
  [
    'grow a disk to nothing',
    'PATCH',
    at('stopped'),
    { body: { disks: [{ device: 'vda', sizeGiB: 0 }] } },
    'invalid-input',
    '/disks/0/sizeGiB',
  ],
  [
    'remove a NIC by a word',
    'PATCH',
    at('stopped'),
    { body: { removeNics: ['first'] } },
    'invalid-input',
    '/removeNics/0',
  ],
  ['protect with a number', 'PATCH', at('stopped'), { body: { protected: 1 } }, 'invalid-input', '/protected'],
  [
    'a stale ETag on a change',
    'PATCH',
    at('stopped'),
    { body: { notes: 'x' }, headers: { 'If-Match': '"1-999"' } },
    'stale-revision',
  ],
  ['a stale ETag on a deletion', 'DELETE', at('stopped'), { headers: { 'If-Match': '"0-0"' } }, 'stale-revision'],
  [
    'an ETag that is none',
    'PATCH',
    at('stopped'),
    { body: { notes: 'x' }, headers: { 'If-Match': 'yesterday' } },
    'stale-revision',
  ],
  ['a fate of disks that is none', 'DELETE', at('stopped', '?disks=burn'), {}, 'invalid-input', 'disks'],
  ['a snapshot without a name', 'POST', at('stopped', '/snapshots'), { body: {} }, 'invalid-input', '/name'],
  [
    'a snapshot named like a path',
    'POST',
    at('stopped', '/snapshots'),
    { body: { name: '../x' } },
    'invalid-input',
    '/name',
  ],
  ['a clone without a name', 'POST', at('stopped', '/clone'), { body: {} }, 'invalid-input', '/name'],
  ['a clone named by a NUL', 'POST', at('stopped', '/clone'), { body: { name: '\0' } }, 'invalid-input', '/name'],
  ['a batch of nothing', 'POST', `${vms}/batch`, { body: { action: 'start' } }, 'invalid-input'],
  ['a batch of no ids', 'POST', `${vms}/batch`, { body: { action: 'start', ids: [] } }, 'invalid-input', '/ids'],
  [
    'a batch of names',
    'POST',
    `${vms}/batch`,
    { body: { action: 'start', ids: ['stopped'] } },
    'invalid-input',
    '/ids/0',
  ],
  [
    'a batch of ids and a filter',
    'POST',
    `${vms}/batch`,
    { body: { action: 'start', ids: [nowhere], filter: {} } },
    'invalid-input',
  ],
  [
    'a batch of an action that is none',
    'POST',
    `${vms}/batch`,
    { body: { action: 'explode', filter: {} } },
    'invalid-input',
    '/action',
  ],
  [
    'a batch that is too parallel',
    'POST',
    `${vms}/batch`,
    { body: { action: 'start', filter: {}, maxParallel: 101 } },
    'invalid-input',
    '/maxParallel',
  ],
  [
    'a history that ends before it begins',
    'GET',
    at('running', '/metrics/history?from=2026-11-21T10:00:00Z&to=2026-11-21T09:00:00Z'),
    {},
    'invalid-input',
  ],
  ['a history from no time', 'GET', at('running', '/metrics/history?from=yesterday'), {}, 'invalid-input', 'from'],
  ['events behind a word', 'GET', '/api/v1/events?since=yesterday', {}, 'invalid-input', 'since'],
  [
    'events behind a cursor that is none',
    'GET',
    '/api/v1/events',
    { headers: { 'Last-Event-ID': '-5' } },
    'invalid-input',
  ],
  [
    'an idempotency key that is too long',
    'POST',
    at('stopped', '/start'),
    { body: {}, headers: { 'Idempotency-Key': 'x'.repeat(300) } },
    'invalid-input',
  ],
];

const identities: Row[] = [
  ['no token', 'GET', vms, { as: 'nobody' }, 'unauthenticated'],
  ['a token that is none', 'GET', vms, { token: 'abc' }, 'unauthenticated'],
  ['a token of three words', 'GET', vms, { token: 'a.b.c' }, 'unauthenticated'],
  [
    'an API token that is none',
    'GET',
    vms,
    { token: 'pv_0000000000000000000000000000000000000000' },
    'unauthenticated',
  ],
  [
    'a scheme that is not Bearer',
    'GET',
    vms,
    { as: 'nobody', headers: { authorization: 'Basic YWRtaW46YWRtaW4=' } },
    'unauthenticated',
  ],
  [
    'an expired token',
    'GET',
    vms,
    () => ({ token: forged({ exp: Math.floor(Date.now() / 1000) - 60 }) }),
    'unauthenticated',
  ],
  [
    'a token signed with another secret',
    'GET',
    vms,
    () => ({ token: forged({}, { secret: 'x'.repeat(48) }) }),
    'unauthenticated',
  ],
  [
    'a token without a signature',
    'GET',
    vms,
    () => ({
      token: `${forged({}, { header: { alg: 'none', typ: 'JWT' } })
        .split('.')
        .slice(0, 2)
        .join('.')}.`,
    }),
    'unauthenticated',
  ],
  [
    'a token of another algorithm',
    'GET',
    vms,
    () => ({ token: forged({}, { header: { alg: 'HS512', typ: 'JWT' } }) }),
    'unauthenticated',
  ],
  ['a token for somebody else', 'GET', vms, () => ({ token: forged({ aud: 'another-api' }) }), 'unauthenticated'],
  ['a token by somebody else', 'GET', vms, () => ({ token: forged({ iss: 'another-issuer' }) }), 'unauthenticated'],
  [
    'a token of a user that is not there',
    'GET',
    vms,
    () => ({ token: forged({ sub: '01a200da-adf8-72dd-9ae7-dccb75af01d9' }) }),
    'unauthenticated',
  ],
  [
    'a token of a session that is not there',
    'GET',
    vms,
    () => ({ token: forged({ sid: '01a200da-adf8-72dd-9ae7-dccb75af01d9' }) }),
    'unauthenticated',
  ],
  [
    'a token whose payload was changed',
    'GET',
    vms,
    () => ({ token: tokens.admin.replace(/\.[^.]+\./, `.${Buffer.from('{"sub":"x"}').toString('base64url')}.`) }),
    'unauthenticated',
  ],
  [
    'a refresh token that is none',
    'POST',
    '/api/v1/auth/refresh',
    { as: 'nobody', body: { refreshToken: 'x' } },
    'unauthenticated',
  ],
  [
    'a log-in with a wrong password',
    'POST',
    '/api/v1/auth/login',
    { as: 'nobody', body: { username: 'viewer', password: 'wrong' } },
    'unauthenticated',
  ],
  [
    'a log-in by SQL',
    'POST',
    '/api/v1/auth/login',
    { as: 'nobody', body: { username: "' OR 1=1 --", password: 'x' } },
    'unauthenticated',
  ],
  [
    'a log-in by an object',
    'POST',
    '/api/v1/auth/login',
    { as: 'nobody', body: { username: { $ne: '' }, password: { $ne: '' } } },
    'invalid-input',
    '/username',
  ],
  [
    'a user with a short password',
    'POST',
    '/api/v1/users',
    { body: { username: 'new', password: 'short', role: 'viewer' } },
    'invalid-input',
    '/password',
  ],
  [
    'a user with a long password',
    'POST',
    '/api/v1/users',
    { body: { username: 'new', password: 'é'.repeat(37), role: 'viewer' } },
    'invalid-input',
    '/password',
  ],
  [
    'a user with a role that is none',
    'POST',
    '/api/v1/users',
    { body: { username: 'new', password: 'a long enough password', role: 'root' } },
    'invalid-input',
    '/role',
  ],
  [
    'a user with markup for a name',
    'POST',
    '/api/v1/users',
    { body: { username: '<script>', password: 'a long enough password', role: 'viewer' } },
    'invalid-input',
    '/username',
  ],
  [
    'a user whose name is in use',
    'POST',
    '/api/v1/users',
    { body: { username: 'viewer', password: 'a long enough password', role: 'viewer' } },
    'name-taken',
  ],
  [
    'an API token with a scope that is none',
    'POST',
    '/api/v1/tokens',
    () => ({ body: { name: 't', scopes: ['everything'], expiresAt: hours(1) } }),
    'invalid-input',
    '/scopes/0',
  ],
  [
    'an API token that is over',
    'POST',
    '/api/v1/tokens',
    { body: { name: 't', scopes: ['vm:read'], expiresAt: '2020-01-01T00:00:00Z' } },
    'invalid-input',
    '/expiresAt',
  ],
  [
    'an API token for two years',
    'POST',
    '/api/v1/tokens',
    () => ({ body: { name: 't', scopes: ['vm:read'], expiresAt: hours(2 * 366 * 24) } }),
    'invalid-input',
    '/expiresAt',
  ],
];

const changes: readonly (readonly [method: string, path: string | (() => string), body?: object])[] = [
  ['POST', vms, { host: 'host-a', name: 'new', disks: [{ sizeGiB: 1 }] }],
  ['PATCH', at('stopped'), { notes: 'x' }],
  ['DELETE', at('stopped')],
  ...['start', 'stop', 'restart', 'suspend', 'resume', 'pause', 'reset'].map(
    (action) => ['POST', at('stopped', `/${action}`), {}] as const,
  ),
  ['POST', at('stopped', '/clone'), { name: 'copy' }],
  ['POST', at('stopped', '/snapshots'), { name: 's' }],
  ['POST', at('stopped', '/snapshots/s/revert'), {}],
  ['DELETE', at('stopped', '/snapshots/s')],
  ['POST', at('running', '/console')],
  ['POST', `${vms}/batch`, { action: 'start', filter: {} }],
];
const administration: readonly (readonly [method: string, path: string | (() => string), body?: object])[] = [
  ['GET', '/api/v1/users'],
  ['POST', '/api/v1/users', { username: 'new', password: 'a long enough password', role: 'admin' }],
  ['PATCH', () => `/api/v1/users/${user.id}`, { role: 'admin' }],
  ['DELETE', () => `/api/v1/users/${user.id}`],
  ['GET', '/api/v1/audit'],
];
const wrongRoles: Row[] = [
  ...[...changes, ...administration].map(([method, path, body]): Row => [
    `${method} ${typeof path === 'string' ? path : 'of a VM'} by a viewer (${JSON.stringify(body ?? {})})`,
    method,
    path,
    { as: 'viewer', ...(body && { body }) },
    'forbidden',
  ]),
  ...administration.map(([method, path, body]): Row => [
    `${method} ${typeof path === 'string' ? path : 'of a user'} by an operator`,
    method,
    path,
    { as: 'operator', ...(body && { body }) },
    'forbidden',
  ]),
  [
    'a token with more than its owner may',
    'POST',
    '/api/v1/tokens',
    () => ({ as: 'viewer', body: { name: 't', scopes: ['vm:delete'], expiresAt: hours(1) } }),
    'forbidden',
  ],
];

/** Everything that a bad request could have changed. */
async function picture(): Promise<string> {
  const { admin } = stack;
  const machines = [];
  for await (const { observedAt: _, ...machine } of admin.items(vms, { query: { limit: 500 } } as never))
    machines.push(machine);
  const { data: users } = await admin.GET('/api/v1/users', {});
  const { data: ownTokens } = await admin.GET('/api/v1/tokens', {});
  return JSON.stringify({
    machines,
    users: users.items.map(({ username, role, disabled }) => ({ username, role, disabled })),
    tokens: ownTokens.items.length,
  });
}

async function send(row: Row): Promise<Response> {
  const [, method, path, given] = row;
  const { as = 'admin', token, body, raw, headers = {} } = typeof given === 'function' ? given() : given;
  const credential = token ?? (as === 'nobody' ? undefined : tokens[as]);
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  return fetch(`${stack.url()}${typeof path === 'function' ? path() : path}`, {
    method,
    ...(content !== undefined && { body: content }),
    headers: {
      ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
      ...(content !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
  });
}

/** The problem of an answer: refused at once, or the end of the operation that found out. */
async function problemOf(response: Response): Promise<Record<string, unknown>> {
  const answer = (await response.json()) as { error?: Record<string, unknown> } & Record<string, unknown>;
  if (!response.ok) {
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(answer['status']).toBe(response.status);
    return answer;
  }
  expect(answer.error).toBeDefined();
  return answer.error!;
}

const allowedFaults = new Set([501, 503, 504]);
const rows: Row[] = [...creating, ...bodies, ...listing, ...ids, ...states, ...edits, ...identities, ...wrongRoles];

describe('a bad request', () => {
  let before = '';
  beforeAll(async () => {
    expect(rows.length).toBeGreaterThanOrEqual(150);
    before = await picture();
  });

  it.each(rows.map((row) => [row[0], row] as const))(
    'is told precisely: %s',
    async (_, row) => {
      const [, , , , code, pointer] = row;
      const response = await send(row);
      if (response.status >= 500) expect(allowedFaults).toContain(response.status);
      const problem = await problemOf(response);
      expect({ code: problem['code'], detail: problem['detail'] }).toEqual({
        code,
        detail: expect.stringMatching(/\S/),
      });
      expect(problem).toMatchObject({
        status: problems[code].status,
        title: problems[code].title,
        retryable: problems[code].retryable,
        requestId: expect.stringMatching(/\S/),
      });
      if (pointer !== undefined)
        expect((problem['errors'] as { pointer: string }[]).map((fault) => fault.pointer)).toContain(pointer);
    },
    40_000,
  );

  it('has changed nothing, all of them together', async () => {
    expect(JSON.parse(await picture())).toEqual(JSON.parse(before));
    expect((await fetch(`${stack.url()}/readyz`)).status).toBe(200);
  });
});
