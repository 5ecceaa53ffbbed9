import { parseArgs } from 'node:util';
import { listAll } from '../api.ts';
import { clientAt, findPlace } from '../contexts.ts';
import { Given, UsageError } from '../declaration.ts';
import { exitCodes, failureOf } from '../exit-codes.ts';
import { run } from '../run.ts';
import { processTerminal, type Terminal } from '../terminal.ts';

/** The flags of the earlier program, and the command that does the same. */
const actions = {
  list: { needs: [], help: 'List the VMs.', words: () => ['vm', 'list'] },
  create: { needs: ['name'], help: 'Create a VM.', words: ({ name }: Texts) => ['vm', 'create', name!] },
  clone: {
    needs: ['source', 'name'],
    help: 'Clone a VM.',
    words: ({ source, name }: Texts) => ['vm', 'clone', source!, name!],
  },
  start: { needs: ['name'], help: 'Power a VM on.', words: ({ name }: Texts) => ['vm', 'start', name!] },
  stop: { needs: ['name'], help: 'Shut a VM down.', words: ({ name }: Texts) => ['vm', 'stop', name!] },
  delete: { needs: ['name'], help: 'Delete a VM; add --yes.', words: ({ name }: Texts) => ['vm', 'delete', name!] },
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
    for (const line of lines) terminal.tell(line);
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
  const more = action === 'create' ? await creation(terminal, texts, values['start-after'] === true) : [];
  const yes = action === 'delete' && values['yes'] ? ['--yes'] : [];
  const context = texts['context'] ? ['--context', texts['context']] : [];
  return run([...actions[action].words(texts), ...more, ...yes, ...context], terminal);
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
async function creation(terminal: Terminal, texts: Texts, start: boolean): Promise<string[]> {
  const or = (name: keyof typeof presets) =>
    texts[name] ?? terminal.env[`POLYVIRT_DEFAULT_${name.toUpperCase()}`] ?? presets[name];
  const host = texts['host'] ?? terminal.env['POLYVIRT_DEFAULT_HOST'] ?? (await firstHost(terminal, texts));
  const from = texts['image'] ? ['--image', texts['image']] : ['--disk', or('disk')];
  terminal.tell(
    `Creating ${texts['name']} on ${host}: ${or('cpus')} CPU, ${or('memory')} memory, ${from[0] === '--image' ? `image ${from[1]}` : `${from[1]} disk`}. Others: --host, --cpus, --memory, --disk, --image.`,
  );
  return ['--host', host, '--cpus', or('cpus'), '--memory', or('memory'), ...from, ...(start ? ['--start'] : [])];
}

/** The first VMware host that is ready, as in the earlier program; else the first host that is. */
async function firstHost(terminal: Terminal, texts: Texts): Promise<string> {
  const given = new Given({ context: texts['context'] });
  const client = clientAt(await findPlace(terminal, given), terminal, given);
  const hosts = await listAll<{ id: string; hypervisor: string; state: string }>(client, 'GET /api/v1/hosts');
  const ready = hosts.filter(({ state }) => state === 'ready');
  const found = ready.find(({ hypervisor }) => hypervisor === 'vmware') ?? ready[0];
  if (!found) throw new UsageError('No host is ready. `polyvirt host list` says why; --host chooses one.');
  return found.id;
}
