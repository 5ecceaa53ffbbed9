import { call } from '../api.ts';
import { change, changeOptions, changeVms, confirm, yesOption, type VmChange } from '../change.ts';
import { Given, UsageError, type Argument, type Command, type Options, type Route } from '../declaration.ts';
import { filterOf, filterOptions, findVm, findVms, queryOf, type Vm } from '../names.ts';
import { printItem } from '../output/print.ts';
import { vmView } from '../output/views.ts';
import { memoryMiB, pairs } from '../parse.ts';
import { listOptions, showList, watch } from '../watch.ts';

export const vmArgument: Argument = {
  name: 'NAME',
  help: 'Id, host/name, or a name that no other VM has.',
  completes: 'vm',
};
export const vmArguments: Argument = { ...vmArgument, many: true, optional: true };

const list: Command = {
  name: 'vm list',
  summary: 'List VMs.',
  calls: ['GET /api/v1/vms'],
  options: {
    ...filterOptions,
    sort: {
      value: 'FIELD',
      help: 'name, host, state, cpus, memoryMiB, createdAt or observedAt; with - in front reversed.',
    },
    ...listOptions,
  },
  examples: [
    'polyvirt vm list --filter state=running -l env=test',
    'polyvirt vm list --filter template=true',
    'polyvirt vm list -o wide -w',
  ],
  run: (invocation) => {
    const sort = invocation.given.text('sort');
    const query = { ...queryOf(filterOf(invocation.given) ?? {}), ...(sort !== undefined && { sort }) };
    return showList<Vm>(invocation, { route: 'GET /api/v1/vms', query, view: vmView, events: ['vm.*'] });
  },
};

const get: Command = {
  name: 'vm get',
  summary: 'Show a VM.',
  calls: ['GET /api/v1/vms/{vmId}'],
  args: [vmArgument],
  options: { fresh: { help: 'Ask the host itself.' }, watch: listOptions['watch']! },
  run: async (invocation) => {
    const client = await invocation.client();
    const { id: vmId } = await findVm(client, invocation.args[0]!);
    const query = invocation.given.flag('fresh') ? { fresh: 'true' } : {};
    const read = async () => (await call<Vm>(client, 'GET /api/v1/vms/{vmId}', { path: { vmId }, query })).data;
    if (invocation.given.flag('watch'))
      await watch(invocation, client, async () => [await read()], { view: vmView, events: ['vm.*'] });
    else printItem(invocation, vmView, await read());
  },
};

interface Verb {
  readonly verb: string;
  readonly summary: string;
  readonly route: Route;
  readonly action?: string;
  readonly options?: Options;
  readonly danger?: string;
  readonly request?: (given: Given) => Pick<VmChange, 'body' | 'query'>;
}

/** A command that does the same with each VM that is named. */
const forMany = ({ verb, summary, route, action = verb, options, danger, request }: Verb): Command => ({
  name: `vm ${verb}`,
  summary,
  calls: [route],
  args: [vmArguments],
  options: { ...options, ...(danger !== undefined && yesOption), ...filterOptions, ...changeOptions },
  run: (invocation) =>
    changeVms(invocation, { route, action, ...request?.(invocation.given), ...(danger !== undefined && { danger }) }),
});

const hostTimeout: Options = {
  'host-timeout': { value: 'SECONDS', integer: true, help: 'How long the host or the guest may take, in seconds.' },
};
const force: Options = { force: { short: 'f', help: 'Pull the plug instead of asking the guest.' } };
const powerBody = (given: Given) => ({
  body: {
    ...(given.flag('force') && { force: true }),
    ...(given.has('host-timeout') && { timeoutSeconds: given.integer('host-timeout') }),
  },
});
const power = (
  verb: 'start' | 'stop' | 'restart' | 'reset' | 'suspend' | 'resume' | 'pause',
  summary: string,
  options: Options = {},
) =>
  forMany({
    verb,
    summary,
    route: `POST /api/v1/vms/{vmId}/${verb}`,
    options: { ...options, ...hostTimeout },
    request: powerBody,
  });

const nicText = 'default, or network=NAME[,address=ADDRESS][,mac=MAC]';

/** `default` or `network=default,address=…`. Throws `UsageError`. */
export function nicOf(text: string): Record<string, string> {
  const nic = text.includes('=') ? pairs('nic', text.split(',')) : { network: text };
  const unknown = Object.keys(nic).find((key) => !['network', 'address', 'mac'].includes(key));
  if (unknown !== undefined || !nic['network'])
    throw new UsageError(`--nic is ${nicText}, not ${JSON.stringify(text)}.`);
  return nic;
}

const set: Command = forMany({
  verb: 'set',
  action: 'reconfigure',
  summary:
    'Change name, CPUs, memory, boot order, labels, notes or protection; make a template, or start with the host.',
  route: 'PATCH /api/v1/vms/{vmId}',
  options: {
    name: { value: 'NAME', help: 'Rename it.' },
    cpus: { value: 'NUMBER', integer: true, help: 'CPUs.' },
    memory: { value: 'SIZE', help: 'Memory: 2048 (MiB), 4G.' },
    'boot-order': { value: 'DEVICES', help: 'What it tries to boot from: disk,cdrom,network.' },
    labels: { value: 'KEY=VALUE', many: true, help: 'Replace all labels by these; an empty one removes all.' },
    notes: { value: 'TEXT', help: 'Notes.' },
    template: { help: 'Make it a template, which is cloned and does not start.', excludes: ['no-template'] },
    'no-template': { help: 'Make it an ordinary VM again.' },
    autostart: { help: 'Power it on when its host starts.', excludes: ['no-autostart'] },
    'no-autostart': { help: 'Leave it off when its host starts.' },
    protect: { help: 'Refuse to delete it.', excludes: ['no-protect'] },
    'no-protect': { help: 'Let it be deleted again.' },
  },
  request: (given) => {
    const memory = given.text('memory');
    const body = {
      ...(given.has('name') && { name: given.text('name') }),
      ...(given.has('cpus') && { cpus: given.integer('cpus') }),
      ...(memory !== undefined && { memoryMiB: memoryMiB('memory', memory) }),
      ...(given.has('boot-order') && { bootOrder: given.text('boot-order')!.split(',') }),
      ...(given.has('labels') && {
        labels: pairs(
          'labels',
          given.list('labels').filter((text) => text !== ''),
        ),
      }),
      ...(given.has('notes') && { notes: given.text('notes') }),
      ...(given.flag('template') && { template: true }),
      ...(given.flag('no-template') && { template: false }),
      ...(given.flag('autostart') && { autostart: true }),
      ...(given.flag('no-autostart') && { autostart: false }),
      ...(given.flag('protect') && { protected: true }),
      ...(given.flag('no-protect') && { protected: false }),
    };
    if (Object.keys(body).length === 0)
      throw new UsageError('What is to change? Say --cpus, --memory, --labels or another option.');
    return { body };
  },
});

const remove = forMany({
  verb: 'delete',
  summary: 'Delete VMs with their disks.',
  route: 'DELETE /api/v1/vms/{vmId}',
  options: { 'keep-disks': { help: 'Keep the disks.' } },
  danger: 'Delete',
  request: (given) => (given.flag('keep-disks') ? { query: { disks: 'keep' } } : {}),
});

const dropPending = forMany({
  verb: 'drop-pending',
  action: 'pending-changes-drop',
  summary: 'Withdraw changes that wait for the next power-off.',
  route: 'DELETE /api/v1/vms/{vmId}/pending-changes',
});

const clone: Command = {
  name: 'vm clone',
  summary: 'Clone a VM.',
  calls: ['POST /api/v1/vms/{vmId}/clone'],
  args: [
    { ...vmArgument, name: 'SOURCE' },
    { name: 'NAME', help: 'Name of the clone.' },
  ],
  options: {
    linked: { help: 'Share the disks of the source copy-on-write.' },
    snapshot: { value: 'SNAPSHOT', help: 'Clone from this snapshot instead of the present disks.' },
    start: { help: 'Power it on.' },
    ...changeOptions,
  },
  run: async (invocation) => {
    const { args, given } = invocation;
    const client = await invocation.client();
    const { id: vmId } = await findVm(client, args[0]!);
    const body = {
      name: args[1],
      ...(given.flag('linked') && { linked: true }),
      ...(given.flag('start') && { start: true }),
      ...(given.has('snapshot') && { snapshot: given.text('snapshot') }),
    };
    return change(invocation, client, { route: 'POST /api/v1/vms/{vmId}/clone', path: { vmId }, body });
  },
};

const batch: Command = {
  name: 'vm batch',
  summary: 'Do any action with many VMs at once.',
  calls: ['POST /api/v1/vms/batch'],
  args: [{ name: 'ACTION', help: 'Action of a single VM: start, snapshot, reconfigure, …' }, vmArguments],
  options: {
    params: { value: 'JSON', help: 'What the single call takes.' },
    'max-parallel': { value: 'NUMBER', integer: true, help: 'So many at once; 10 unless said.' },
    'stop-on-error': { help: 'Do not begin more after the first failure.' },
    ...filterOptions,
    ...changeOptions,
    ...yesOption,
  },
  examples: ['polyvirt vm batch snapshot -l env=test --params \'{"name":"before"}\''],
  run: async (invocation) => {
    const { args, given } = invocation;
    const [action, ...names] = args;
    const filter = filterOf(given);
    if (names.length > 0 === (filter !== undefined))
      throw new UsageError('Which VMs? Name them, or say --filter or --label.');
    const client = await invocation.client();
    if (action === 'delete') {
      await confirm(invocation, 'Delete all of them?');
    }
    const body = {
      action,
      ...(filter ? { filter } : { ids: (await findVms(client, names)).map(({ id }) => id) }),
      ...(given.has('params') && { params: jsonOf(given.text('params')!) }),
      ...(given.has('max-parallel') && { maxParallel: given.integer('max-parallel') }),
      ...(given.flag('stop-on-error') && { onError: 'stop' }),
    };
    return change(invocation, client, { route: 'POST /api/v1/vms/batch', body });
  },
};

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`--params takes JSON, not ${JSON.stringify(text)}.`);
  }
}

/** Reads something of one VM and shows it whole. */
const read = (verb: string, summary: string, route: Route): Command => ({
  name: `vm ${verb}`,
  summary,
  calls: [route],
  args: [vmArgument],
  run: async (invocation) => {
    const client = await invocation.client();
    const { id: vmId } = await findVm(client, invocation.args[0]!);
    const { data } = await call<{ text?: string }>(client, route, { path: { vmId } });
    if (verb === 'definition' && !invocation.given.has('output')) invocation.terminal.print(data.text ?? '');
    else printItem(invocation, { columns: [], key: () => vmId }, data);
  },
});

export const vmCommands: readonly Command[] = [
  list,
  get,
  power('start', 'Power VMs on.'),
  power('stop', 'Shut VMs down.', force),
  power('restart', 'Restart VMs.', force),
  power('reset', 'Press the reset button of VMs.'),
  power('suspend', 'Save VMs to disk and power them off.'),
  power('resume', 'Resume VMs that are suspended or paused.'),
  power('pause', 'Stop the CPUs of VMs; memory stays.'),
  set,
  remove,
  dropPending,
  clone,
  batch,
  read('guest', 'Ask the guest of a VM about itself.', 'GET /api/v1/vms/{vmId}/guest'),
  read('definition', 'Show the document of the hypervisor itself.', 'GET /api/v1/vms/{vmId}/definition'),
];
