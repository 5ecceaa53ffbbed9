import { bad, type BadRequest } from './bad-request.ts';

const good = { host: 'fake-a', name: 'new' };
const invalid = '400 invalid-input';
const long = (length: number) => 'x'.repeat(length);

/** `POST /vms` with these fields changed; `undefined` leaves one out. */
const create = (expected: BadRequest['expected'], what: string, fields: object): BadRequest =>
  bad(expected, `create: ${what}`, 'POST /vms', { body: { ...good, ...fields } });
const text = (what: string, raw: string | Buffer): BadRequest => bad(invalid, `body: ${what}`, 'POST /vms', { raw });

const bodies: BadRequest[] = [
  bad(invalid, 'body: none', 'POST /vms'),
  text('empty', ''),
  text('null', 'null'),
  text('an array', '[]'),
  text('a string', '"new"'),
  text('a number', '1'),
  text('an open brace', '{'),
  text('a comma too many', '{"host":"fake-a","name":"new",}'),
  text('single quotes', "{'host':'fake-a','name':'new'}"),
  text('a comment', '{"host":"fake-a",/* */"name":"new"}'),
  text('two documents', '{"host":"fake-a","name":"new"}{}'),
  text('not a number', '{"host":"fake-a","name":"new","cpus":NaN}'),
  text('hexadecimal', '{"host":"fake-a","name":"new","cpus":0x10}'),
  text('bytes that are not UTF-8', Buffer.from('{"host":"fake-a","name":"\xff\xfe"}', 'latin1')),
  text('UTF-16', Buffer.from('{"host":"fake-a","name":"new"}', 'utf16le')),
  text('half of a surrogate pair', '{"host":"fake-a","name":"a\\ud800b"}'),
  text('a prototype', '{"host":"fake-a","name":"new","__proto__":{"start":true}}'),
  text('a constructor', '{"host":"fake-a","name":"new","labels":{"constructor":{"prototype":{}}}}'),
  text('brackets nested 200,000 deep', `${'['.repeat(200_000)}${']'.repeat(200_000)}`),
  text('a long tail of noise', `{"host":"fake-a","name":"new"}${'x'.repeat(10_000)}`),
  bad('413 body-too-large', 'body: more than 1 MiB', 'POST /vms', { raw: `"${long(1_100_000)}"` }),
  ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml'].map(
    (type) =>
      bad('415 unsupported-media-type', `body: ${type}`, 'POST /vms', {
        body: good,
        headers: { 'content-type': type },
      }),
  ),
  bad(invalid, 'body: gzip that is not announced as JSON would be', 'POST /vms', {
    raw: Buffer.from('1f8b08000000000000ff', 'hex'),
    headers: { 'content-encoding': 'gzip' },
  }),
];

const names: BadRequest[] = [
  create(invalid, 'no name', { name: undefined }),
  ...Object.entries({
    'an empty name': '',
    'a name of white space': '   ',
    'a name that begins with a space': ' new',
    'a name that ends with a space': 'new ',
    'a name of 81 characters': long(81),
    'a name that is a path': '../../etc/passwd',
    'an absolute path': '/etc/passwd',
    'a path of Windows': '..\\..\\windows',
    'a dot': '.',
    'two dots': '..',
    'a new line': 'a\nb',
    'a tab': 'a\tb',
    'a NUL': 'a\0b',
    'an escape sequence': 'a\u001b[31mb',
    'a line separator': 'a\u2028b',
    'SQL with a slash': "x'; DROP TABLE vms; -- /",
    'a shell command with a slash': '$(rm -rf /)',
    'XML that ends the element': '</name><name>',
  }).map(([what, name]) => create(invalid, what, { name })),
  ...[null, 5, true, [], {}, ['new']].map((name) =>
    create(invalid, `a name that is ${JSON.stringify(name)}`, { name }),
  ),
  create('409 name-taken', 'a name that is in use', { name: 'stopped' }),
  create('409 name-taken', 'a name in use, in other letters', { name: 'STOPPED' }),
];

const hosts: BadRequest[] = [
  create(invalid, 'no host', { host: undefined }),
  ...['', 'Fake-A', 'fake_a', '-fake', 'fake-', '../fake-a', '*', '>', 'fake-a.>', 'fake-a~x', long(64), "a'--"].map(
    (host) => create(invalid, `host ${host.slice(0, 20)}`, { host }),
  ),
  ...[null, 1, ['fake-a']].map((host) => create(invalid, `a host that is ${JSON.stringify(host)}`, { host })),
  create('404 host-not-found', 'a host that nobody knows', { host: 'nowhere' }),
  create('503 host-offline', 'a host that is offline', { host: 'fake-c' }),
];

const numbers: BadRequest[] = [
  ...[0, -1, 1.5, '2', 1_025, 1e308, null, true, [1]].map((cpus) =>
    create(invalid, `cpus ${JSON.stringify(cpus)}`, { cpus }),
  ),
  ...[0, 15, -64, 64.5, '64', 16_777_217, null, {}].map((memoryMiB) =>
    create(invalid, `memoryMiB ${JSON.stringify(memoryMiB)}`, { memoryMiB }),
  ),
  create('507 insufficient-capacity', 'more CPUs than the host has', { cpus: 65 }),
  create('507 insufficient-capacity', 'more memory than the host has', { memoryMiB: 9_999_999 }),
];

const disk = (expected: BadRequest['expected'], what: string, ...disks: unknown[]) =>
  create(expected, `disks: ${what}`, { disks });
const nic = (expected: BadRequest['expected'], what: string, ...nics: unknown[]) =>
  create(expected, `nics: ${what}`, { nics });

const devices: BadRequest[] = [
  create(invalid, 'disks that are no list', { disks: { sizeGiB: 1 } }),
  disk(invalid, 'a number', 1),
  disk(invalid, 'null', null),
  disk(invalid, 'neither size nor image', {}),
  ...[0, -1, 1.5, '1', 65_537, null].map((sizeGiB) => disk(invalid, `sizeGiB ${JSON.stringify(sizeGiB)}`, { sizeGiB })),
  disk(invalid, 'a kind of copy that there is not', { sizeGiB: 1, copy: 'thin' }),
  disk(invalid, 'an unknown field', { sizeGiB: 1, path: '/etc/shadow' }),
  disk(invalid, 'an image without a name', { image: '' }),
  disk(invalid, 'the name of an image that is too long', { image: long(256) }),
  disk(invalid, 'more than 32', ...Array.from({ length: 33 }, () => ({ sizeGiB: 1 }))),
  disk('404 image-not-found', 'an image that is not there', { image: 'windows-98' }),
  disk('404 image-not-found', 'an image that is a path', { image: '../../../../etc/shadow' }),
  disk('404 image-not-found', 'an ISO image', { image: 'tiny-iso' }),
  create(invalid, 'a number as CD-ROM', { cdrom: 1 }),
  create(invalid, 'an empty CD-ROM', { cdrom: '' }),
  create('404 image-not-found', 'a CD-ROM that is not there', { cdrom: 'nothing' }),
  create('404 image-not-found', 'a disk image as CD-ROM', { cdrom: 'tiny-linux' }),
  nic(invalid, 'no network', {}),
  nic(invalid, 'an unknown field', { network: 'default', vlan: 4 }),
  nic(invalid, 'an address that is none', { network: 'default', address: '999.1.1.1' }),
  nic(invalid, 'an address with a command', { network: 'default', address: '10.0.0.1; reboot' }),
  nic(invalid, 'a MAC address that is none', { network: 'default', mac: 'not-a-mac' }),
  nic(invalid, 'a MAC address with a byte too many', { network: 'default', mac: '52:54:00:00:00:00:00' }),
  nic(invalid, 'a fixed address where none can be had', { network: 'isolated', address: '10.0.0.5' }),
  ...Object.entries({
    'the address of the network': '10.77.0.0',
    'the broadcast address': '10.77.255.255',
    'the gateway': '10.77.0.1',
    'an address outside the network': '192.168.122.77',
    'an address of the other family': 'fd00::5',
  }).map(([what, address]) => nic(invalid, what, { network: 'default', address })),
  ...Object.entries({
    'a multicast MAC address': '01:00:5e:00:00:01',
    'the broadcast MAC address': 'FF:FF:FF:FF:FF:FF',
    'a MAC address of zeros': '00:00:00:00:00:00',
  }).map(([what, mac]) => nic(invalid, what, { network: 'default', mac })),
  nic(
    invalid,
    'one MAC address twice, in other letters',
    { network: 'default', mac: '52:54:00:AA:00:01' },
    { network: 'isolated', mac: '52:54:00:aa:00:01' },
  ),
  nic(
    invalid,
    'one address twice',
    { network: 'default', address: '10.77.9.9' },
    { network: 'default', address: '10.77.9.9' },
  ),
  nic(invalid, 'more than 16', ...Array.from({ length: 17 }, () => ({ network: 'default' }))),
  nic('404 network-not-found', 'a network that is not there', { network: 'dmz' }),
  nic('404 network-not-found', 'a network with XML in its name', { network: "default'/><x" }),
  create('404 template-not-found', 'a template that is not there', { template: 'golden' }),
  create(invalid, 'a template and disks', { template: 'tiny-template', disks: [{ sizeGiB: 1 }] }),
];

const rest: BadRequest[] = [
  create(invalid, 'an unknown field', { nmae: 'typo' }),
  create(invalid, 'a field of the answer', { id: 'fake-a~mine' }),
  create(invalid, 'a firmware that there is not', { firmware: 'efi' }),
  create(invalid, 'cloud-init without data', { cloudInit: {} }),
  create(invalid, 'cloud-init with empty data', { cloudInit: { userData: '' } }),
  create(invalid, 'cloud-init of more than 64 KiB', { cloudInit: { userData: long(65_537) } }),
  create(invalid, 'cloud-init of more than 64 KiB in UTF-8', { cloudInit: { userData: '€'.repeat(30_000) } }),
  create(invalid, 'cloud-init as text', { cloudInit: '#cloud-config' }),
  create(invalid, 'start as text', { start: 'yes' }),
  create(invalid, 'start as a number', { start: 1 }),
  create(invalid, 'labels that are a list', { labels: ['a'] }),
  create(invalid, 'a label key with a space', { labels: { 'a b': 'c' } }),
  create(invalid, 'a label key of 64 characters', { labels: { [long(64)]: 'c' } }),
  create(invalid, 'a label that is a number', { labels: { a: 1 } }),
  create(invalid, 'a label of 257 characters', { labels: { a: long(257) } }),
  create(invalid, '65 labels', { labels: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, ''])) }),
  create(invalid, 'notes of more than 16 KiB', { notes: long(16_385) }),
  create(invalid, 'protection as text', { protected: 'no' }),
  create(invalid, 'a way to wait that there is not', { whenOffline: 'maybe' }),
  create(invalid, 'a time that is a word', { notAfter: 'tomorrow' }),
  create(invalid, 'a time without a zone', { notAfter: '2030-01-01T00:00:00' }),
  create(invalid, 'a time that is over', { notAfter: '2020-01-01T00:00:00Z' }),
  create(invalid, 'a time in the far future', { notAfter: '2130-01-01T00:00:00Z' }),
];

export const creating: BadRequest[] = [...bodies, ...names, ...hosts, ...numbers, ...devices, ...rest];
