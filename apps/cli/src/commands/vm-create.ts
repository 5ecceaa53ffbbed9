import type { Client, components } from '@polyvirt/api-client';
import { parse } from 'yaml';
import { listAll } from '../api.ts';
import { change, changeOptions } from '../change.ts';
import { Exit, UsageError, type Command, type Invocation } from '../declaration.ts';
import { exitCodes } from '../exit-codes.ts';
import { memoryMiB, pairs, sizeGiB } from '../parse.ts';
import { readText } from '../read-text.ts';
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
    full['name'] = await answer(terminal.ask('Name?'), 'a name');
  }
  if (full['host'] === undefined) {
    const hosts = await listAll<Schemas['Host']>(client, 'GET /api/v1/hosts');
    const ids = hosts.map(({ id }) => id);
    if (ids.length === 1) full['host'] = ids[0];
    else if (!asks) throw new UsageError(`On which host? Say --host: ${ids.join(', ') || 'there is none yet'}.`);
    else full['host'] = await choose(terminal.ask(`Host (${ids.join(', ')})?`, preset(ids[0])), ids);
  }
  if (!asksAll) return full;
  const path = { hostId: String(full['host']) };
  const images = await listAll<{ name: string; kind: string }>(client, 'GET /api/v1/hosts/{hostId}/images', { path });
  const names = images.filter(({ kind }) => kind === 'disk').map(({ name }) => name);
  const image = await terminal.ask(`Image (${[...names, 'none'].join(', ')})?`, preset(names[0] ?? 'none'));
  if (image === 'none')
    full['disks'] = [{ sizeGiB: sizeGiB('disk', await terminal.ask('Size of its disk?', preset('20G'))) }];
  else full['disks'] = [{ image: await choose(Promise.resolve(image), names) }];
  if (full['cpus'] === undefined) full['cpus'] = Number(await terminal.ask('CPUs?', preset('1')));
  if (full['memoryMiB'] === undefined)
    full['memoryMiB'] = memoryMiB('memory', await terminal.ask('Memory?', preset('1G')));
  if (full['nics'] === undefined) {
    const networks = await listAll<{ name: string }>(client, 'GET /api/v1/hosts/{hostId}/networks', { path });
    const known = networks.map(({ name }) => name);
    const network = await terminal.ask(`Network (${[...known, 'none'].join(', ')})?`, preset(known[0] ?? 'none'));
    if (network !== 'none') full['nics'] = [{ network: await choose(Promise.resolve(network), known) }];
  }
  if (full['start'] === undefined) full['start'] = /^y/i.test(await terminal.ask('Power it on (y, n)?', preset('y')));
  return full;
}

const preset = (text: string | undefined) => (text === undefined ? {} : { preset: text });

async function answer(asked: Promise<string>, what: string): Promise<string> {
  const text = (await asked).trim();
  if (text === '') throw new Exit(exitCodes.usage.code, `Without ${what} nothing was done.`);
  return text;
}

async function choose(asked: Promise<string>, choices: readonly string[]): Promise<string> {
  const text = (await asked).trim();
  if (!choices.includes(text))
    throw new UsageError(`${JSON.stringify(text)} is none of ${choices.join(', ')}; nothing was done.`);
  return text;
}
