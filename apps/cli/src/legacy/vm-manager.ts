import { parseArgs } from 'node:util';
import { ApiProblem, type Client } from '@polyvirt/api-client';
import { listAll } from '../api.ts';
import { clientAt, findPlace, type Place } from '../contexts.ts';
import { Exit, Given, UsageError } from '../declaration.ts';
import { exitCodes, failureOf } from '../exit-codes.ts';
import { findVm } from '../names.ts';
import { printable } from '../output/table.ts';
import { run } from '../run.ts';
import { processTerminal, type Terminal } from '../terminal.ts';

/** The flags of the earlier program, and the command that does the same. */
const actions = {
  list: { needs: [], help: 'List the VMs.' },
  create: { needs: ['name'], help: 'Create a VM.' },
  clone: { needs: ['source', 'name'], help: 'Clone a VM, or a template of a host.' },
  start: { needs: ['name'], help: 'Power a VM on.' },
  stop: { needs: ['name'], help: 'Shut a VM down.' },
  delete: { needs: ['name'], help: 'Delete a VM; add --yes.' },
} as const;
type Action = keyof typeof actions;
type Texts = Readonly<Record<string, string | undefined>>;

/** Sizes of a VM of which only the name is said; each can be said. */
const presets = { cpus: '1', memory: '1G', disk: '20G' } as const;

const usage = [
  'vm_manager: the flags of Auto-Creation-VM, done by polyvirt.',
  '',
  ...Object.entries(actions).map(
    ([flag, { needs, help }]) =>
      `  vm_manager --${flag}${needs.map((need) => ` --${need} NAME`).join('')}`.padEnd(52) + help,
  ),
  '',
  `--create also takes --host HOST, --cpus N (${presets.cpus}), --memory SIZE (${presets.memory}), --disk SIZE (${presets.disk}), --image IMAGE, --start-after.`,
  'Defaults: POLYVIRT_DEFAULT_HOST, _CPUS, _MEMORY and _DISK. `polyvirt --help` has everything else.',
].join('\n');

export async function runLegacy(words: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  try {
    return await dispatch(words, terminal);
  } catch (error) {
    const { lines, exitCode } = failureOf(error);
    for (const line of lines.flatMap((text) => text.split('\n'))) terminal.tell(printable(line));
    if (error instanceof UsageError) terminal.tell('See: vm_manager --help');
    return exitCode;
  }
}

async function dispatch(words: readonly string[], terminal: Terminal): Promise<number> {
  const values = parse(words);
  if (values['help'] || words.length === 0) {
    terminal.print(usage);
    return words.length === 0 ? exitCodes.usage.code : exitCodes.ok.code;
  }
  const chosen = (Object.keys(actions) as Action[]).filter((action) => values[action]);
  if (chosen.length !== 1)
    throw new UsageError(
      `Say one of ${Object.keys(actions)
        .map((flag) => `--${flag}`)
        .join(', ')}.`,
    );
  const action = chosen[0]!;
  const texts = values as Texts;
  const missing = actions[action].needs.find((need) => !texts[need]);
  if (missing) throw new UsageError(`--${action} needs --${missing}.`);
  const { command, options = [] } = await commandOf(action, terminal, texts, values['start-after'] === true);
  const yes = action === 'delete' && values['yes'] ? ['--yes'] : [];
  const context = texts['context'] ? ['--context', texts['context']] : [];
  // Whatever a VM is called, it is a name and no option.
  const names = command === 'clone' ? [texts['source']!, texts['name']!] : action === 'list' ? [] : [texts['name']!];
  return run(['vm', command, ...options, ...yes, ...context, '--', ...names], terminal);
}

interface Words {
  readonly command: string;
  readonly options?: readonly string[];
}

async function commandOf(action: Action, terminal: Terminal, texts: Texts, start: boolean): Promise<Words> {
  const startOption = start ? ['--start'] : [];
  if (action === 'create')
    return { command: 'create', options: [...(await creation(terminal, texts)), ...startOption] };
  if (action !== 'clone') return { command: action };
  const template = await templateOf(clientOf(await placeOf(terminal, texts), terminal, texts), texts);
  if (template === undefined) return { command: 'clone', options: startOption };
  terminal.tell(`Creating ${texts['name']} on ${template} from its template ${texts['source']}.`);
  return { command: 'create', options: ['--host', template, '--template', texts['source']!, ...startOption] };
}

const givenOf = (texts: Texts) => new Given({ context: texts['context'] });
const placeOf = (terminal: Terminal, texts: Texts) => findPlace(terminal, givenOf(texts));
const clientOf = (place: Place, terminal: Terminal, texts: Texts) => clientAt(place, terminal, givenOf(texts));

/** The host that has a template of the name, unless a VM has it. Throws `Exit` 5 where several do. */
async function templateOf(client: Client, { source, host }: Texts): Promise<string | undefined> {
  try {
    await findVm(client, source!);
    return undefined;
  } catch (error) {
    if (!(error instanceof Exit && error.exitCode === exitCodes.notFound.code)) throw error;
  }
  const hosts = await listAll<Host>(client, 'GET /api/v1/hosts');
  const having: string[] = [];
  for (const { id: hostId } of hosts.filter(({ id, state }) =>
    host === undefined ? state === 'ready' : id === host,
  )) {
    const templates = await listAll<{ name: string }>(client, 'GET /api/v1/hosts/{hostId}/templates', {
      path: { hostId },
    }).catch((error: unknown) => {
      // Not every host has templates.
      if (error instanceof ApiProblem && error.code === 'capability-missing') return [];
      throw error;
    });
    if (templates.some(({ name }) => name === source)) having.push(hostId);
  }
  if (having.length > 1)
    throw new Exit(
      exitCodes.conflict.code,
      `Several hosts have a template ${source}: ${having.join(', ')}. Say --host.`,
    );
  return having[0];
}

interface Host {
  readonly id: string;
  readonly hypervisor: string;
  readonly state: string;
}

function parse(words: readonly string[]): Record<string, string | boolean | undefined> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const texts = ['name', 'source', 'host', 'cpus', 'memory', 'disk', 'image', 'context'];
  const flags = [...Object.keys(actions), 'start-after', 'yes', 'help'];
  const options = Object.fromEntries([
    ...texts.map((name) => [name, text] as const),
    ...flags.map((name) => [name, flag] as const),
  ]);
  try {
    return parseArgs({ args: [...words], options, strict: true }).values as Record<
      string,
      string | boolean | undefined
    >;
  } catch (error) {
    throw new UsageError((error as Error).message.split('. To specify')[0]!);
  }
}

/** What the earlier program took from its configuration: said, from the environment, or preset; and told. */
async function creation(terminal: Terminal, texts: Texts): Promise<string[]> {
  const or = (name: keyof typeof presets) =>
    texts[name] ?? (terminal.env[`POLYVIRT_DEFAULT_${name.toUpperCase()}`] || presets[name]);
  const host = texts['host'] ?? (terminal.env['POLYVIRT_DEFAULT_HOST'] || (await firstHost(terminal, texts)));
  const from = texts['image'] ? ['--image', texts['image']] : ['--disk', or('disk')];
  terminal.tell(
    `Creating ${texts['name']} on ${host}: ${or('cpus')} CPU, ${or('memory')} memory, ${from[0] === '--image' ? `image ${from[1]}` : `${from[1]} disk`}. Others: --host, --cpus, --memory, --disk, --image.`,
  );
  return ['--host', host, '--cpus', or('cpus'), '--memory', or('memory'), ...from];
}

/** The first VMware host that is ready, as in the earlier program; else the first host that is. */
async function firstHost(terminal: Terminal, texts: Texts): Promise<string> {
  const client = clientOf(await placeOf(terminal, texts), terminal, texts);
  const hosts = await listAll<Host>(client, 'GET /api/v1/hosts');
  const ready = hosts.filter(({ state }) => state === 'ready');
  const found = ready.find(({ hypervisor }) => hypervisor === 'vmware') ?? ready[0];
  if (!found) throw new UsageError('No host is ready. `polyvirt host list` says why; --host chooses one.');
  return found.id;
}
