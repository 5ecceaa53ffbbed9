import { bad, type BadRequest } from './bad-request.ts';

const invalid = '400 invalid-input';
const wrong = '409 wrong-state';
type Expected = BadRequest['expected'];
type Request = `${string} /${string}`;

const body = (expected: Expected, what: string, request: Request, fields: unknown): BadRequest =>
  bad(expected, what, request, { body: fields });
const shown = (value: unknown) => JSON.stringify(value)?.slice(0, 40);

const add = (expected: Expected, what: string, fields: unknown) =>
  body(expected, `disk: ${what}`, 'POST /vms/{stopped}/disks', fields);
const grow = (expected: Expected, what: string, fields: unknown, device = 'vda') =>
  body(expected, `disk: ${what}`, `PATCH /vms/{stopped}/disks/${device}`, fields);

const disks: BadRequest[] = [
  add(invalid, 'of nothing', {}),
  add(invalid, 'null', null),
  add(invalid, 'a list', [{ sizeGiB: 1 }]),
  ...[0, -1, 1.5, '20', 65_537, null].map((sizeGiB) => add(invalid, `of ${shown(sizeGiB)} GiB`, { sizeGiB })),
  add(invalid, 'with a field that there is not', { sizeGiB: 1, cache: 'none' }),
  add(invalid, 'copied in a way that there is not', { image: 'tiny-linux', copy: 'thin' }),
  add(invalid, 'from an image and a volume', { image: 'tiny-linux', volume: 'x' }),
  add(invalid, 'of a size, from a volume', { sizeGiB: 1, volume: 'x' }),
  ...['', '../x', '/etc/passwd', 'x'.repeat(129), 7].map((volume) =>
    add(invalid, `from the volume ${shown(volume)}`, { volume }),
  ),
  add('404 volume-not-found', 'from a volume that there is not', { volume: 'nope' }),
  add('404 image-not-found', 'from an image that there is not', { image: 'nope' }),
  add('404 image-not-found', 'from an image that is no disk', { image: 'tiny-iso' }),
  body(wrong, 'disk: of a suspended VM', 'POST /vms/{suspended}/disks', { sizeGiB: 1 }),
  body('409 vm-busy', 'disk: of a busy VM', 'POST /vms/{busy}/disks', { sizeGiB: 1 }),
  body('503 host-offline', 'disk: on a host that is offline', 'POST /vms/{away}/disks', { sizeGiB: 1 }),
  body('404 vm-not-found', 'disk: for a VM that there is not', 'POST /vms/fake-a~nothing/disks', { sizeGiB: 1 }),
  ...[0, 1.5, '20', 65_537, null].map((sizeGiB) => grow(invalid, `that grows to ${shown(sizeGiB)}`, { sizeGiB })),
  grow(invalid, 'that would shrink', { sizeGiB: 1 }),
  grow(invalid, 'that grows by nothing', {}),
  grow(invalid, 'that grows and is called otherwise', { sizeGiB: 20, device: 'vdb' }),
  grow('404 device-not-found', 'that is not there and grows', { sizeGiB: 20 }, 'vdz'),
  grow(invalid, 'of a name that is too long', { sizeGiB: 20 }, 'v'.repeat(65)),
  bad('404 device-not-found', 'disk: that is not there and goes', 'DELETE /vms/{stopped}/disks/vdz'),
  bad(invalid, 'disk: that is kept perhaps', 'DELETE /vms/{stopped}/disks/vda?keep=maybe'),
  bad(invalid, 'disk: that goes with a parameter that there is not', 'DELETE /vms/{stopped}/disks/vda?force=true'),
  bad(wrong, 'disk: that goes from a suspended VM', 'DELETE /vms/{suspended}/disks/vda'),
];

const nic = (expected: Expected, what: string, fields: object) =>
  body(expected, `interface: ${what}`, 'POST /vms/{stopped}/nics', { network: 'default', ...fields });
const change = (expected: Expected, what: string, fields: unknown, mac = '{mac}') =>
  body(expected, `interface: ${what}`, `PATCH /vms/{stopped}/nics/${mac}`, fields);

const nics: BadRequest[] = [
  body(invalid, 'interface: of nothing', 'POST /vms/{stopped}/nics', {}),
  body(invalid, 'interface: a list', 'POST /vms/{stopped}/nics', [{ network: 'default' }]),
  nic(invalid, 'a field that there is not', { vlan: 7 }),
  nic(invalid, 'a network of no name', { network: '' }),
  nic('404 network-not-found', 'a network that is not there', { network: 'dmz' }),
  nic(invalid, 'an address that is none', { address: '10.77.0' }),
  nic(invalid, 'an address outside the network', { address: '192.168.1.1' }),
  nic(invalid, 'an address of the other family', { address: 'fd00::9' }),
  nic(invalid, 'the broadcast address', { address: '10.77.255.255' }),
  nic(invalid, 'the gateway', { address: '10.77.0.1' }),
  nic(invalid, 'a MAC address that is none', { mac: 'x' }),
  nic(invalid, 'a multicast MAC address', { mac: '01:00:5e:00:00:07' }),
  nic(invalid, 'the MAC address of another VM', { mac: '{mac}' }),
  change(invalid, 'changed in nothing', {}),
  change(invalid, 'connected as text', { connected: 'yes' }),
  change(invalid, 'that changes its MAC address', { mac: '52:54:00:aa:00:02' }),
  change(invalid, 'put on the gateway', { address: '10.77.0.1' }),
  change(invalid, 'put on an address that is none', { address: 'here' }),
  change('404 network-not-found', 'put on a network that is not there', { network: 'dmz' }),
  change('404 device-not-found', 'that is not there and is changed', { connected: true }, '52:54:00:00:00:01'),
  change(invalid, 'by a MAC address that is none', { connected: true }, 'eth0'),
  bad('404 device-not-found', 'interface: that is not there and goes', 'DELETE /vms/{stopped}/nics/52:54:00:00:00:01'),
  bad(invalid, 'interface: that goes by a MAC address that is none', 'DELETE /vms/{stopped}/nics/eth0'),
];

const media: BadRequest[] = [
  ...[{}, { image: '' }, { image: 7 }, { image: ['tiny-iso'] }, { image: 'tiny-iso', tray: 'open' }].map((fields) =>
    body(invalid, `CD-ROM: ${shown(fields)}`, 'PUT /vms/{stopped}/cdrom', fields),
  ),
  body('404 image-not-found', 'CD-ROM: an image that is not there', 'PUT /vms/{stopped}/cdrom', { image: 'nope' }),
  body('404 image-not-found', 'CD-ROM: a disk image', 'PUT /vms/{stopped}/cdrom', { image: 'tiny-linux' }),
  body(wrong, 'CD-ROM: of a suspended VM', 'PUT /vms/{suspended}/cdrom', { image: null }),
  ...[[], ['floppy'], ['disk', 'disk'], 'disk', null, [1]].map((bootOrder) =>
    body(invalid, `boot order ${shown(bootOrder)}`, 'PATCH /vms/{stopped}', { bootOrder }),
  ),
  ...[
    [{ name: '../passwd' }, 'a path'],
    [{ name: '.hidden' }, 'a dot in front'],
    [{ name: 'CON' }, 'a device of Windows'],
    [{ name: 'a'.repeat(81) }, '81 letters'],
    [{ name: null }, 'null'],
    [{ url: 'ftp://images.example/a.iso' }, 'an address of FTP'],
    [{ url: 'file:///etc/passwd' }, 'an address of a file'],
    [{ url: 'https://ada:secret@images.example/a.iso' }, 'a password in the address'],
    [{ url: 'images.example/a.iso' }, 'half an address'],
    [{ url: `https://images.example/${'a'.repeat(2_048)}` }, 'an address without end'],
    [{ sha256: 'abc' }, 'half a checksum'],
    [{ format: 'qcow2' }, 'a field that there is not'],
  ].map(([fault, what]) =>
    body(invalid, `image: ${String(what)}`, 'POST /hosts/fake-a/images', {
      name: 'rescue',
      url: 'https://images.example/rescue.iso',
      ...(fault as object),
    }),
  ),
  ...['http://10.0.0.1/a.iso', 'http://169.254.169.254/latest', 'http://[::1]/a.iso', 'http://3232235777/'].map((url) =>
    body(invalid, `image: from ${url}`, 'POST /hosts/fake-a/images', { name: 'rescue', url }),
  ),
  body('409 name-taken', 'image: a name that an image has', 'POST /hosts/fake-a/images', {
    name: 'Tiny-ISO',
    url: 'https://images.example/rescue.iso',
  }),
  body('404 host-not-found', 'image: for a host that there is not', 'POST /hosts/nowhere/images', {
    name: 'rescue',
    url: 'https://images.example/rescue.iso',
  }),
  bad('404 image-not-found', 'image: delete one that there is not', 'DELETE /hosts/fake-a/images/nothing'),
  bad('404 image-not-found', 'image: delete one of another kind', 'DELETE /hosts/fake-a/images/tiny-iso?kind=disk'),
  bad(invalid, 'image: delete a kind that there is not', 'DELETE /hosts/fake-a/images/tiny-iso?kind=tape'),
  bad('404 host-not-found', 'volumes of a host that there is not', 'GET /hosts/nowhere/volumes'),
  bad(invalid, 'volumes with a parameter that there is not', 'GET /hosts/fake-a/volumes?kind=disk'),
];

export const devices: BadRequest[] = [...disks, ...nics, ...media];
