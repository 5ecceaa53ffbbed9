import type { Call } from './calls.ts';

const quote = (text: string): string => (/^[\w./:=@+-][\w./~:=@+,-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** For a shell, with the token left to the environment. */
export function asCurl({ method, path, body }: Call, origin = location.origin): string {
  return [
    `curl -X ${method} ${quote(origin + path)}`,
    `-H "Authorization: Bearer $POLYVIRT_TOKEN"`,
    ...(body === undefined ? [] : [`-H 'Content-Type: application/json'`, `-d ${quote(JSON.stringify(body))}`]),
  ].join(' \\\n  ');
}

/** The stream of events from now on, of a VM or of all. */
export const asEventCurl = (vm?: string, origin = location.origin): string =>
  [
    `curl -N ${quote(`${origin}/api/v1/events${vm === undefined ? '' : `?vm=${encodeURIComponent(vm)}`}`)}`,
    `-H "Authorization: Bearer $POLYVIRT_TOKEN"`,
  ].join(' \\\n  ');

type Fields = Record<string, unknown>;

/** Options of `vm set` and `vm clone`, by the field that each is for; a call with another field is sent as it is. */
const options: Record<string, (value: never) => readonly string[] | undefined> = {
  name: (name: string) => ['--name', name],
  cpus: (cpus: number) => ['--cpus', String(cpus)],
  memoryMiB: (memoryMiB: number) => ['--memory', String(memoryMiB)],
  notes: (notes: string) => ['--notes', notes],
  template: (isTemplate: boolean) => [isTemplate ? '--template' : '--no-template'],
  autostart: (autostart: boolean) => [autostart ? '--autostart' : '--no-autostart'],
  protected: (isProtected: boolean) => [isProtected ? '--protect' : '--no-protect'],
  labels: (labels: Record<string, string>) =>
    Object.keys(labels).length === 0
      ? ['--labels', '']
      : Object.entries(labels).flatMap(([key, value]) => ['--labels', `${key}=${value}`]),
  nics: (nics: readonly Fields[]) => {
    if (nics.length === 0) return ['--no-nic'];
    const words = nics.map(nicOf);
    return words.some((word) => word === undefined) ? undefined : words.flatMap((word) => ['--nic', word!]);
  },
  linked: (linked: boolean) => (linked ? ['--linked'] : []),
  start: (start: boolean) => (start ? ['--start'] : []),
  snapshot: (snapshot: string) => ['--snapshot', snapshot],
  bootOrder: (order: readonly string[]) => ['--boot-order', order.join(',')],
};

/** Of `disk add`. */
const diskOptions: typeof options = {
  sizeGiB: (size: number) => ['--size', `${size}G`],
  image: (image: string) => ['--image', image],
  copy: (copy: string) => (copy === 'full' ? ['--full'] : []),
  volume: (volume: string) => ['--volume', volume],
};

/** Of `image add`. */
const imageOptions: typeof options = {
  url: (url: string) => ['--url', url],
  sha256: (sha256: string) => ['--sha256', sha256],
};

/** Of `nic change`. */
const nicOptions: typeof options = {
  network: (network: string) => ['--network', network],
  address: (address: string) => ['--address', address],
  connected: (connected: boolean) => [connected ? '--connect' : '--disconnect'],
};

const optionsOf = (fields: Fields, of = options): readonly string[] | undefined => {
  const known = Object.entries(fields).map(([name, value]) => of[name]?.(value as never));
  return known.some((one) => one === undefined) ? undefined : known.flatMap((one) => one ?? []);
};

/** One interface in one word, as `nic add` takes it; undefined when a comma in it would part it. */
function nicOf(fields: Fields): string | undefined {
  const parts = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`);
  return parts.some((part) => part.includes(',')) ? undefined : parts.join(',');
}

interface DeviceCall {
  readonly vm: string;
  /** Device of a disk, or MAC address. */
  readonly named: string;
  readonly query: string | undefined;
  readonly fields: Fields;
}
/** Undefined is what no word is for. */
type Words = readonly (string | undefined)[];

/** The words for a change of a device of a machine, by what it is of and how it is sent. */
const deviceWords: Record<string, Partial<Record<Call['method'], (call: DeviceCall) => Words>>> = {
  disks: {
    POST: ({ vm, fields }) => ['disk', 'add', vm, ...(optionsOf(fields, diskOptions) ?? [undefined])],
    PATCH: ({ vm, named, fields }) => ['disk', 'grow', vm, named, `${String(fields['sizeGiB'])}G`],
    DELETE: ({ vm, named, query }) => ['disk', 'detach', vm, named, ...(query === 'keep=false' ? ['--delete'] : [])],
  },
  nics: {
    POST: ({ vm, fields }) => ['nic', 'add', vm, nicOf(fields)],
    PATCH: ({ vm, named, fields }) => ['nic', 'change', vm, named, ...(optionsOf(fields, nicOptions) ?? [undefined])],
    DELETE: ({ vm, named }) => ['nic', 'remove', vm, named],
  },
  cdrom: {
    PUT: ({ vm, fields: { image } }) =>
      image === null ? ['cdrom', 'eject', vm] : ['cdrom', 'insert', vm, String(image)],
  },
};

function deviceCommand({ method, path, body }: Call): Words | undefined {
  const [, encoded, kind, device = '', query] =
    /^\/api\/v1\/vms\/([^/?]+)\/(disks|nics|cdrom)(?:\/([^/?]+))?(?:\?(.*))?$/.exec(path) ?? [];
  if (encoded === undefined || kind === undefined) return undefined;
  const [vm, named] = [decodeURIComponent(encoded), decodeURIComponent(device)];
  return deviceWords[kind]?.[method]?.({ vm, named, query, fields: (body ?? {}) as Fields });
}

function imageCommand({ method, path, body }: Call): Words | undefined {
  const [, host, image, kind] = /^\/api\/v1\/hosts\/([^/]+)\/images(?:\/([^/?]+)\?kind=(\w+))?$/.exec(path) ?? [];
  if (host === undefined) return undefined;
  const on = decodeURIComponent(host);
  if (method === 'DELETE') return ['image', 'delete', on, decodeURIComponent(image!), '--kind', kind];
  const { name, ...rest } = (body ?? {}) as Fields;
  return ['image', 'add', on, String(name), ...(optionsOf(rest, imageOptions) ?? [undefined])];
}

/** The same for the command line: the command that is made for it, or else the request as it is. */
export function asCommand(call: Call): string {
  const { method, path, body } = call;
  const command = (...words: readonly string[]) => ['polyvirt', ...words.map(quote)].join(' ');
  const fields = (body ?? {}) as Fields;
  const [, encoded, verb] = /^\/api\/v1\/vms\/([^/?]+)(?:\/(\w+))?$/.exec(path) ?? [];
  const id = encoded === undefined ? '' : decodeURIComponent(encoded);
  if (method === 'POST' && path === '/api/v1/vms')
    return [`${command('vm', 'create', '-f', '-')} <<'EOF'`, JSON.stringify(body, undefined, 2), 'EOF'].join('\n');
  if (method === 'PATCH' && id !== '') {
    const set = optionsOf(fields);
    if (set) return command('vm', 'set', id, ...set);
  }
  if (method === 'POST' && verb === 'clone') {
    const { name, ...rest } = fields;
    const given = optionsOf(rest);
    if (given) return command('vm', 'clone', id, String(name), ...given);
  }
  const words = deviceCommand(call);
  if (words?.every((word) => word !== undefined)) return command(...words);
  const ofImage = imageCommand(call);
  if (ofImage?.every((word) => word !== undefined)) return command(...ofImage);
  const [, host, volume] = /^\/api\/v1\/hosts\/([^/]+)\/volumes\/([^/?]+)$/.exec(path) ?? [];
  if (method === 'DELETE' && volume !== undefined) return command('volume', 'delete', decodeURIComponent(host!), volume);
  return command('query', method, path, ...(body === undefined ? [] : ['-d', JSON.stringify(body)]));
}
