import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import type { Route } from './declaration.ts';
import { exitCodes } from './exit-codes.ts';
import { Programs } from './testing/program.ts';
import { isTo, problem, ScriptedGateway, silence, type Reply, type Script } from './testing/scripted-gateway.ts';
import { typed, type Described } from './testing/typed.ts';

interface Listed extends Described {
  readonly exitCodes: Readonly<Record<string, string>>;
}

const programs = await Programs.install();
const gateway = await ScriptedGateway.start();
const listed = JSON.parse((await programs.run('polyvirt', ['commands', '-o', 'json'])).stdout) as Listed[];
const secret = join(programs.folder, 'secret');
writeFileSync(secret, 'correct horse battery\n');

afterAll(() => {
  gateway.stop();
  programs[Symbol.dispose]();
});

interface Ended {
  readonly exitCode: number;
  readonly stderr: string;
}
interface Play {
  readonly script: Script;
  readonly words?: readonly string[];
  /** What is said of it. */
  readonly tells?: string;
  readonly interrupts?: boolean;
  /** Nobody is at the address. */
  readonly isAlone?: boolean;
}

let settings = 0;
/** Settings of a user who is logged in at such an address. */
function loggedInAt(url: string): Record<string, string> {
  const XDG_CONFIG_HOME = join(programs.folder, `settings-${(settings += 1)}`);
  mkdirSync(join(XDG_CONFIG_HOME, 'polyvirt'), { recursive: true });
  const lab = { url, username: 'ada', token: 'pvt', tokenId: '5b7d1f0c-8c1e-4d0c-9a63-3c1f0e7a4b11' };
  const contexts = JSON.stringify({ current: 'lab', contexts: { lab } });
  writeFileSync(join(XDG_CONFIG_HOME, 'polyvirt', 'contexts.yaml'), contexts);
  return { XDG_CONFIG_HOME };
}

async function play(command: Listed, { script, words, interrupts, isAlone }: Play): Promise<Ended> {
  const { url: there, silent } = gateway.play(script);
  // The same port of another address of this machine: whoever else wanted it could not have it.
  const url = isAlone ? there.replace('127.0.0.1', '127.0.0.2') : there;
  const line = words ?? typed(command, { secret, url });
  const running = programs.begin('polyvirt', line, { env: loggedInAt(url) });
  if (interrupts) await Promise.race([silent.then(() => running.interrupt()), running.ended]);
  return running.ended;
}

/** Where a command is refused: where it asks for what it is there for. What calls nothing of its own is refused everywhere. */
const asksAt: Readonly<Record<string, readonly Route[]>> = {
  // Its token is what it ends, and that of a screen is asked for when a viewer is there.
  logout: ['DELETE /api/v1/tokens/{id}'],
  console: ['GET /api/v1/vms'],
};
function refused({ name, calls }: Listed, reply: Reply): Script {
  const routes = asksAt[name] ?? calls;
  return (route) => (routes.length === 0 || routes.some((template) => isTo(route, template)) ? reply : undefined);
}

interface Document {
  readonly paths: Record<string, Record<string, { readonly responses: object }>>;
}
const { paths } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../api/openapi.json'), 'utf8')) as Document;
/** Whether it waits for an operation: what it asks for is answered by one. */
const waits = ({ options = {}, calls }: Listed) =>
  'timeout' in options &&
  calls.every((route) => {
    const [method, path] = route.split(' ') as [string, string];
    return '202' in paths[path]![method.toLowerCase()]!.responses;
  });
/** Every change is this operation. */
const changed = (operation: object): Script => {
  const body = { id: 'o1', verb: 'vm.start', progress: 0, steps: [], ...operation };
  return (route) => {
    if (route.includes('/auth/')) return undefined;
    if (route === 'GET /api/v1/events') return silence;
    return !route.startsWith('GET') || isTo(route, 'GET /api/v1/operations/{id}') ? { status: 202, body } : undefined;
  };
};
const running = changed({ status: 'running' });
const half = { status: 'succeeded', result: { succeeded: 1, failed: 1, skipped: 0, operations: ['o2', 'o3'] } };

/** Many VMs instead of the one. */
const ofMany = (command: Listed): string[] =>
  command.args?.at(-1)?.many
    ? typed({ ...command, args: command.args.slice(0, -1) }, { secret, url: '' }).concat('--label', 'env=test')
    : typed(command, { secret, url: '' });

/** How each command comes to each of its exit codes; that they end with 0 is tried on a whole stack. */
const ways: Readonly<Record<keyof typeof exitCodes, ((command: Listed) => Play) | undefined>> = {
  ok: undefined,
  failed: (command) => ({ script: refused(command, problem(500, 'internal')), tells: 'internal' }),
  usage: (command) => ({
    script: () => undefined,
    words: [...typed(command, { secret, url: 'http://h' }), '--nonsense'],
    tells: `See: polyvirt ${command.name} --help`,
  }),
  notFound: (command) => ({ script: refused(command, problem(404, 'vm-not-found')), tells: 'vm-not-found' }),
  denied: (command) => ({ script: refused(command, problem(403, 'forbidden')), tells: 'forbidden' }),
  conflict: (command) => ({ script: refused(command, problem(409, 'vm-busy')), tells: 'vm-busy' }),
  timedOut: (command) =>
    waits(command)
      ? {
          script: running,
          words: [...typed(command, { secret, url: '' }), '--timeout', '0s'],
          tells: 'polyvirt op wait o1',
        }
      : { script: refused(command, problem(504, 'timed-out')), tells: 'timed-out' },
  partial: (command) => ({ script: changed(half), words: ofMany(command), tells: '1 succeeded, 1 failed' }),
  unreachable: () => ({ script: () => undefined, isAlone: true, tells: 'cannot be reached (ECONNREFUSED)' }),
  interrupted: (command) => ({
    script: waits(command) ? running : refused(command, silence),
    interrupts: true,
    ...(waits(command) && { tells: 'polyvirt op wait o1' }),
  }),
};

const remote = listed.filter(({ isLocal }) => !isLocal);
const local = listed.filter(({ isLocal }) => isLocal);
const meaningOf = (code: string) =>
  (Object.keys(exitCodes) as (keyof typeof exitCodes)[]).find((name) => String(exitCodes[name].code) === code)!;

/** A dozen processes that start side by side take long on a machine that has other work. */
jest.setTimeout(180_000);

describe('each command ends with each of its exit codes, as a process:', () => {
  it.each(remote.map((command) => [command.name, command] as const))('%s', async (_, command) => {
    const codes = Object.keys(command.exitCodes).filter((code) => code !== '0');
    const ended = await Promise.all(
      codes.map(async (code) => {
        const way = ways[meaningOf(code)]!(command);
        const { exitCode, stderr } = await play(command, way);
        return [exitCode, stderr.includes(way.tells ?? '') ? '' : stderr];
      }),
    );
    expect(ended).toEqual(codes.map((code) => [Number(code), '']));
  });

  /** Where what is printed is not what can go wrong. */
  const spoilt: Readonly<Record<string, string>> = {
    'context use': 'mkdir "$XDG_CONFIG_HOME/polyvirt/contexts.yaml.$$" && exec "$POLYVIRT" context use lab',
    'import-config':
      'mkdir data && : > data/secrets && echo "{}" > config.json && exec "$POLYVIRT" import-config config.json --data-dir data',
  };
  it.each(local.map((command) => [command.name, command] as const))(
    '%s, which asks no gateway',
    async (name, command) => {
      const env = loggedInAt('http://127.0.0.1:1');
      const wrong = await programs.run('polyvirt', [...typed(command, { secret, url: '' }), '--nonsense'], { env });
      const script = spoilt[name];
      const failed = await (script === undefined
        ? programs.run('polyvirt', typed(command, { secret, url: '' }), { env, to: '/dev/full' })
        : programs.run('/bin/sh', ['-c', script], { env: { ...env, POLYVIRT: programs.path('polyvirt') } }));
      expect([wrong.exitCode, failed.exitCode]).toEqual([2, 1]);
      expect(failed.stderr).toMatch(/cannot be written \((?:ENOSPC|EISDIR|EEXIST)\)/);
      expect(Object.keys(command.exitCodes)).toEqual(['0', '1', '2']);
    },
  );
});
