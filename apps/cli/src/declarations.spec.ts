import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { commands } from './commands/index.ts';
import { commonOptions, findCommand, optionsOf } from './parse.ts';

interface Document {
  paths: Record<string, Record<string, Operation>>;
}

interface Operation {
  deprecated?: boolean;
  'x-only-in-session'?: boolean;
  'x-fresh-password'?: boolean;
}

const root = join(import.meta.dirname, '../../..');
const { paths } = JSON.parse(readFileSync(join(root, 'api/openapi.json'), 'utf8')) as Document;

/** Routes that are for programs: renewal, tickets, probes, parts of uploads, what a joining agent or the page behind a link calls. */
const isForPrograms = (route: string) =>
  [
    /^GET \/(healthz|readyz|metrics)$/,
    /^POST \/api\/v1\/auth\/(refresh|confirm|links\/use)$/,
    /\/ticket$/,
    / \/api\/v1\/uploads/,
    /^POST \/api\/v1\/hosts\/join$/,
  ].some((pattern) => pattern.test(route));

const methods = ['get', 'post', 'put', 'patch', 'delete'];
const routes = Object.entries(paths).flatMap(([path, operations]) =>
  Object.entries(operations)
    .filter(([method, { deprecated }]) => methods.includes(method) && !deprecated)
    .map(([method]) => `${method.toUpperCase()} ${path}`),
);

describe('the commands', () => {
  const called = new Set<string>(commands.filter(({ name }) => name !== 'query').flatMap(({ calls }) => calls));

  it('leave no route of the API without one', () => {
    expect(routes.filter((route) => !isForPrograms(route) && !called.has(route))).toEqual([]);
  });

  it('call no route that the API does not have', () => {
    expect([...called].filter((route) => !routes.includes(route))).toEqual([]);
  });

  it('ask for the password where no API token may do it, and nowhere else', () => {
    const isForPersons = (route: string) => {
      const [method, path] = route.split(' ') as [string, string];
      const { 'x-only-in-session': inSession, 'x-fresh-password': fresh } = paths[path]![method.toLowerCase()]!;
      return Boolean(inSession ?? fresh);
    };
    const wanted = commands.filter(({ calls }) => calls.some(isForPersons)).map(({ name }) => name);
    expect(commands.filter(({ asPerson }) => asPerson === true).map(({ name }) => name)).toEqual(wanted);
  });

  it('have names of their own that are found', () => {
    const names = commands.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const command of commands)
      expect(findCommand(commands, [...command.name.split(' '), 'x'])?.command).toBe(command);
  });

  it.each(commands.map((command) => [command.name, command] as const))(
    '%s has options that do not collide',
    (_, command) => {
      const shorts = Object.values(optionsOf(command)).flatMap(({ short }) => short ?? []);
      expect(shorts.filter((short, index) => shorts.indexOf(short) !== index)).toEqual([]);
      expect(Object.keys(command.options ?? {}).filter((name) => name in commonOptions)).toEqual([]);
      const args = command.args ?? [];
      expect(args.slice(0, -1).filter(({ many, optional }) => many || optional)).toEqual([]);
    },
  );
});
