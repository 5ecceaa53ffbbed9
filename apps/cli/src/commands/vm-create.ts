import type { Client, components } from '@polyvirt/api-client';
import { parse } from 'yaml';
import { listAll } from '../api.ts';
import { change, changeOptions } from '../change.ts';
import { UsageError, type Command, type Invocation } from '../declaration.ts';
import { printable } from '../output/table.ts';
import { memoryMiB, pairs, sizeGiB } from '../parse.ts';
import { readText } from '../read-text.ts';
import type { Terminal } from '../terminal.ts';
import { nicOf } from './vm.ts';

type Schemas = components['schemas'];
type Body = Record<string, unknown>;

export const vmCreate: Command = {
  name: 'vm create',
  summary: 'Create a VM from options, from a file, or by questions.',
  calls: ['POST /api/v1/vms'],
  args: [{ name: 'NAME', help: 'Its name.', optional: true }],
  options: {
    host: { value: 'HOST', help: 'Host to create it on; not needed where there is only one.', completes: 'host' },
    file: {
      short: 'f',
      value: 'FILE',
      help: 'Body in YAML or JSON, `-` for standard input; options go before it.',
      completes: 'file',
    },
    cpus: { value: 'NUMBER', integer: true, help: 'CPUs; 1 unless said.' },
    memory: { value: 'SIZE', help: 'Memory: 2048 (MiB), 4G; 1G unless said.' },
    image: { value: 'IMAGE', help: 'Image of its first disk.' },
    template: { value: 'TEMPLATE', help: 'Template to clone, instead of disks.' },
    disk: { value: 'DISK', many: true, help: 'A disk: 20G, or image=NAME[,size=20G][,copy=full].' },
    nic: { value: 'NIC', many: true, help: 'An interface: default, or network=NAME[,address=ADDRESS][,mac=MAC].' },
    cdrom: { value: 'IMAGE', help: 'ISO image in its CD-ROM drive.' },
    firmware: { value: 'FIRMWARE', help: 'Firmware.', choices: ['bios', 'uefi'] },
    'user-data': { value: 'FILE', help: 'User data for cloud-init.', completes: 'file' },
    labels: { value: 'KEY=VALUE', many: true, help: 'A label.' },
    notes: { value: 'TEXT', help: 'Notes.' },
    protect: { help: 'Refuse to delete it.' },
    start: { help: 'Power it on.' },
    ...changeOptions,
  },
  examples: [
    'polyvirt vm create web-1 --host kvm-local --image tiny-linux --memory 192 --nic default --start',
    'polyvirt vm create -f web-1.yaml --dry-run',
  ],
  run: async (invocation) => {
    const client = await invocation.client();
    const body = { ...(await fileBody(invocation)), ...(await optionBody(invocation)) };
    return change(invocation, client, { route: 'POST /api/v1/vms', body: await complete(invocation, client, body) });
  },
};

async function fileBody({ given }: Invocation): Promise<Body> {
  const file = given.text('file');
  if (file === undefined) return {};
  const text = await readText(file);
  let body: unknown;
  try {
    body = parse(text);
  } catch (error) {
    throw new UsageError(`${file} is neither YAML nor JSON: ${(error as Error).message.split('\n')[0]}`);
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new UsageError(`${file} holds no VM: fields such as name, host and disks.`);
  return body as Body;
}

/** Throws `UsageError`. */
function diskOf(text: string): Body {
  if (!text.includes('=')) return { sizeGiB: sizeGiB('disk', text) };
  const { image, size, copy, ...others } = pairs('disk', text.split(','));
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) throw new UsageError(`--disk knows image, size and copy, not ${JSON.stringify(unknown)}.`);
  return {
    ...(image !== undefined && { image }),
    ...(size !== undefined && { sizeGiB: sizeGiB('disk', size) }),
    ...(copy !== undefined && { copy }),
  };
}

async function optionBody({ args, given }: Invocation): Promise<Body> {
  const memory = given.text('memory');
  const userData = given.text('user-data');
  const image = given.text('image');
  const disks = [...(image === undefined ? [] : [{ image }]), ...given.list('disk').map(diskOf)];
  const texts = Object.fromEntries(
    ['host', 'template', 'cdrom', 'firmware', 'notes'].flatMap((name) =>
      given.has(name) ? [[name, given.text(name)]] : [],
    ),
  ) as Body;
  return {
    ...texts,
    ...(args[0] !== undefined && { name: args[0] }),
    ...(given.has('cpus') && { cpus: given.integer('cpus') }),
    ...(memory !== undefined && { memoryMiB: memoryMiB('memory', memory) }),
    ...(disks.length > 0 && { disks }),
    ...(given.has('nic') && { nics: given.list('nic').map(nicOf) }),
    ...(userData !== undefined && { cloudInit: { userData: await readText(userData) } }),
    ...(given.has('labels') && { labels: pairs('labels', given.list('labels')) }),
    ...(given.flag('protect') && { protected: true }),
    ...(given.flag('start') && { start: true }),
  };
}

/** What is missing is asked for where there is somebody to ask, and said elsewhere. */
async function complete({ terminal, given }: Invocation, client: Client, body: Body): Promise<Body> {
  const asks = terminal.isInteractive;
  // Whoever has said where from, wants no more questions.
  const asksAll = asks && !given.has('file') && !['disks', 'template', 'cdrom'].some((field) => field in body);
  const full = { ...body };
  if (full['name'] === undefined) {
    if (!asks) throw new UsageError('NAME is missing.');
    full['name'] = await askFor(terminal, 'Name?', undefined, (text) => {
      if (text === '') throw new UsageError('It needs a name.');
      return text;
    });
  }
  if (full['host'] === undefined) {
    const hosts = await listAll<Schemas['Host']>(client, 'GET /api/v1/hosts');
    const ids = hosts.map(({ id }) => id);
    if (ids.length === 1) full['host'] = ids[0];
    else if (!asks) throw new UsageError(`On which host? Say --host: ${ids.join(', ') || 'there is none yet'}.`);
    else if (ids.length === 0) throw new UsageError('There is no host yet to create it on.');
    else full['host'] = await askFor(terminal, `Host (${ids.join(', ')})?`, ids[0], oneOf(ids));
  }
  if (!asksAll) return full;
  const path = { hostId: String(full['host']) };
  const images = await listAll<{ name: string; kind: string }>(client, 'GET /api/v1/hosts/{hostId}/images', { path });
  const names = [...images.filter(({ kind }) => kind === 'disk').map(({ name }) => name), 'none'];
  const image = await askFor(terminal, `Image (${names.join(', ')})?`, names[0], oneOf(names));
  if (image === 'none') {
    const size = await askFor(terminal, 'Size of its disk?', '20G', (text) => sizeGiB('disk', text));
    full['disks'] = [{ sizeGiB: size }];
  } else full['disks'] = [{ image }];
  if (full['cpus'] === undefined)
    full['cpus'] = await askFor(terminal, 'CPUs?', '1', (text) => {
      if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError(`CPUs are a whole number, not ${JSON.stringify(text)}.`);
      return Number(text);
    });
  if (full['memoryMiB'] === undefined)
    full['memoryMiB'] = await askFor(terminal, 'Memory?', '1G', (text) => memoryMiB('memory', text));
  if (full['nics'] === undefined) {
    const networks = await listAll<{ name: string }>(client, 'GET /api/v1/hosts/{hostId}/networks', { path });
    const known = [...networks.map(({ name }) => name), 'none'];
    const network = await askFor(terminal, `Network (${known.join(', ')})?`, known[0], oneOf(known));
    if (network !== 'none') full['nics'] = [{ network }];
  }
  if (full['start'] === undefined)
    full['start'] = (await askFor(terminal, 'Power it on (y, n)?', 'y', oneOf(['y', 'n', 'yes', 'no']))).startsWith(
      'y',
    );
  return full;
}

/** Asks until the answer is one. */
async function askFor<Value>(
  terminal: Terminal,
  question: string,
  preset: string | undefined,
  read: (text: string) => Value,
): Promise<Value> {
  for (;;) {
    const text = await terminal.ask(question, preset === undefined ? {} : { preset });
    try {
      return read(text.trim());
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      terminal.tell(printable(error.message));
    }
  }
}

const oneOf = (choices: readonly string[]) => (text: string) => {
  if (choices.includes(text)) return text;
  throw new UsageError(`${JSON.stringify(text)} is none of ${choices.join(', ')}.`);
};
