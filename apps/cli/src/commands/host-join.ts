import type { Client, components } from '@polyvirt/api-client';
import { call } from '../api.ts';
import { confirm, yesOption } from '../change.ts';
import { Exit, UsageError, type Argument, type Command, type Invocation, type Options } from '../declaration.ts';
import { exitCodes, mayPass } from '../exit-codes.ts';
import { formatOf, printItem, type View } from '../output/print.ts';
import { printable } from '../output/table.ts';
import { hostView } from '../output/views.ts';
import { seconds } from '../parse.ts';
import { longestMs } from '../wait.ts';

type Schemas = components['schemas'];
type Host = Schemas['Host'];
type Invitation = Schemas['JoinInvitation'];

/** Without events it is looked at so often. */
const lookEveryMs = 2_000;

const host: Argument = { name: 'HOST', help: 'Id of the host.', completes: 'host' };
const joinWaitOptions: Options = {
  wait: { help: 'Wait until the agent is there, which is the default in a terminal.', excludes: ['no-wait'] },
  'no-wait': { help: 'Print the line to run on the host and end.' },
  timeout: {
    value: 'DURATION',
    duration: true,
    help: 'How long to wait: `90s`, `10m`; until the token expires unless said.',
  },
};

const invitationView: View<Invitation> = {
  key: ({ command }) => command,
  columns: [
    { header: 'HOST', value: ({ host: id }) => id },
    { header: 'EXPIRES', value: ({ expiresAt }) => expiresAt },
    { header: 'COMMAND', value: ({ command }) => command },
  ],
};

/** Shows the line to run on the host, and waits for its agent as the options say. */
async function invite(invocation: Invocation, client: Client, invitation: Invitation): Promise<void> {
  const { given, terminal } = invocation;
  const minutes = Math.round((Date.parse(invitation.expiresAt) - Date.now()) / 60_000);
  if (formatOf(invocation) === 'table') {
    terminal.tell(`Run this on ${invitation.host} within ${minutes} minutes; it works once:`);
    terminal.print(invitation.command);
  } else printItem(invocation, invitationView, invitation);
  for (const note of invitation.notes) terminal.tell(`Note: ${printable(note)}`);
  if (given.flag('no-wait') || !(given.flag('wait') || terminal.isInteractive)) return;
  const timeout = given.has('timeout') ? seconds('timeout', given.text('timeout')!) : minutes * 60;
  const joined = await untilThere(client, invocation, invitation.host, timeout);
  const from = joined.join?.joinedFrom === undefined ? '' : ` from ${joined.join.joinedFrom}`;
  const about = [...(joined.version ? [joined.version] : []), `${joined.totals.vms} VMs`].join(', ');
  terminal.tell(printable(`${joined.id} has joined${from} (${about}).`));
}

/** Throws `Exit` 6 at the deadline and 130 at Ctrl-C; the token stays good then. */
async function untilThere(client: Client, { terminal }: Invocation, hostId: string, timeout: number): Promise<Host> {
  const before = await look(client, hostId);
  const stop = new AbortController();
  const hint = `The line stays good. See: polyvirt host get ${hostId}`;
  const interrupt = () => stop.abort(new Exit(exitCodes.interrupted.code, hint));
  const late = () => stop.abort(new Exit(exitCodes.timedOut.code, `Nobody joined within ${timeout} s. ${hint}`));
  process.once('SIGINT', interrupt);
  const deadline = setTimeout(late, Math.min(timeout * 1_000, longestMs));
  terminal.status(`Waiting for ${hostId}`);
  let wake: () => void = () => undefined;
  const listen = async () => {
    const events = client.events({ types: ['host.*'], signal: stop.signal, onConnected: () => wake() });
    for await (const { event } of events) if (event.subject === hostId) wake();
  };
  // Whoever may not read events still sees the host.
  listen().catch(() => undefined);
  try {
    for (;;) {
      const now = await look(client, hostId);
      if (now?.state === 'ready' && now.join?.joinedAt !== before?.join?.joinedAt) return now;
      await new Promise<void>((resolve) => {
        wake = resolve;
        stop.signal.addEventListener('abort', () => resolve(), { once: true });
        setTimeout(resolve, lookEveryMs).unref();
      });
      stop.signal.throwIfAborted();
    }
  } finally {
    stop.abort();
    clearTimeout(deadline);
    process.off('SIGINT', interrupt);
    terminal.status(undefined);
  }
}

/** Nothing while the gateway is unreachable. */
async function look(client: Client, hostId: string): Promise<Host | undefined> {
  try {
    return (await call<Host>(client, 'GET /api/v1/hosts/{hostId}', { path: { hostId } })).data;
  } catch (error) {
    if (mayPass(error)) return undefined;
    throw error;
  }
}

export const hostJoinCommands: readonly Command[] = [
  {
    name: 'host add',
    summary: 'Add a host: prints the line to run on it, and waits until it has joined.',
    calls: ['POST /api/v1/hosts'],
    asPerson: true,
    args: [{ name: 'ID', help: 'What the host is to be called: lower-case letters, digits and hyphens.' }],
    options: {
      hypervisor: {
        value: 'HYPERVISOR',
        help: 'What its agent looks after.',
        choices: ['kvm', 'vmware', 'nutanix'],
      },
      ...joinWaitOptions,
    },
    examples: ['polyvirt host add kvm-lab1 --hypervisor kvm'],
    run: async (invocation) => {
      const hypervisor = invocation.given.text('hypervisor');
      if (hypervisor === undefined) throw new UsageError('Which hypervisor? Say --hypervisor kvm, vmware or nutanix.');
      const client = await invocation.client();
      const body = { id: invocation.args[0], hypervisor };
      const { data } = await call<Invitation>(client, 'POST /api/v1/hosts', { body });
      await invite(invocation, client, data);
    },
  },
  {
    name: 'host rotate',
    summary: 'Give a host another key: prints the line to run on it. The old key is good until a minute after that.',
    calls: ['POST /api/v1/hosts/{hostId}/rotate'],
    asPerson: true,
    args: [host],
    options: joinWaitOptions,
    run: async (invocation) => {
      const client = await invocation.client();
      const path = { hostId: invocation.args[0]! };
      const { data } = await call<Invitation>(client, 'POST /api/v1/hosts/{hostId}/rotate', { path });
      await invite(invocation, client, data);
    },
  },
  {
    name: 'host drain',
    summary: 'Have a host take nothing new but stop, suspend, cancel and delete. What has begun goes on.',
    calls: ['POST /api/v1/hosts/{hostId}/drain'],
    args: [host],
    options: { off: { help: 'Take commands again.' } },
    examples: ['polyvirt host drain kvm-lab1', 'polyvirt host drain kvm-lab1 --off'],
    run: async (invocation) => {
      const path = { hostId: invocation.args[0]! };
      const body = { draining: !invocation.given.flag('off') };
      const { data } = await call<Host>(await invocation.client(), 'POST /api/v1/hosts/{hostId}/drain', { path, body });
      printItem(invocation, hostView, data);
    },
  },
  {
    name: 'host remove',
    summary: 'Remove a host: its agent loses the connection at once. Its VMs run on and are shown no more.',
    calls: ['DELETE /api/v1/hosts/{hostId}'],
    args: [host],
    options: { ...yesOption, force: { help: 'Also while operations of the host have not ended; they fail.' } },
    run: async (invocation) => {
      const hostId = invocation.args[0]!;
      const client = await invocation.client();
      await confirm(invocation, `Remove the host ${hostId}?`);
      const query = invocation.given.flag('force') ? { force: 'true' } : {};
      await call(client, 'DELETE /api/v1/hosts/{hostId}', { path: { hostId }, query });
    },
  },
];
