import { describe, expect, it } from '@jest/globals';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { root } from './places.ts';

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
const documents = globSync('{*,{docs,libs,apps,simulators,e2e,bench}/**/*}.md', {
  cwd: root,
  exclude: ['**/node_modules/**', '**/dist/**'],
});

describe('the documents', () => {
  it('name npm commands that exist', () => {
    const named = documents.flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map(
        ([, script, short]) => ({ file, script: (script ?? short)! }),
      ),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(({ script }) => scripts[script] === undefined)).toEqual([]);
  });

  it('name every file of the way of a command in the checklist of a new one, and only files that are there', () => {
    const checklist = readFileSync(join(root, 'docs/checklists/new-command.md'), 'utf8');
    const paths = [...checklist.matchAll(/`((?:libs|apps|e2e)\/[^`]+)`/g)].map(([, path]) => path!);
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    const sources = globSync('{libs,apps,e2e,bench,tools}/**/src/**/*.ts', {
      cwd: root,
      exclude: ['**/node_modules/**', '**/dist/**', '**/generated/**'],
    });
    const isTest = /(?:\.(?:spec|service|simulator|database|libvirt|conformance|e2e|kill|bench)\.ts|\/bad-input\/)/;
    // A plain verb, as most new ones will be.
    const spelt = sources.filter(
      (file) => !isTest.test(file) && /\bpauseVm\b|'vm\.pause'/.test(readFileSync(join(root, file), 'utf8')),
    );
    expect(spelt.length).toBeGreaterThan(2);
    expect(spelt.filter((file) => !paths.some((path) => file.startsWith(path)))).toEqual([]);
  });

  it('name tests of the earlier programs that are there, and every route that stands in for one of theirs', () => {
    const page = readFileSync(join(root, 'docs/earlier-programs.md'), 'utf8');
    const rows = page
      .split('\n')
      .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
      .filter((cells) => cells.length === 5 && !/^(?:-+|Tried by)$/.test(cells[3]!))
      .map(([, theirs, , tried]) => ({ theirs: theirs!, tried: tried! }));
    expect(rows.length).toBeGreaterThan(40);
    // What no test can try says so in words.
    const untried = ['a firewall is not ours to try', 'itself', '–'];
    const ending =
      /^[\w.-]+\.(?:(?:spec|service|simulator|database|conformance|e2e|browser|powershell|docker)\.ts|Tests\.ps1)$/;
    const tests = new Set(
      globSync('{apps/*/src,libs/*/src,e2e/src,tools/src,clients}/**/*.{ts,ps1}', {
        cwd: root,
        exclude: ['**/node_modules/**'],
      })
        .map((path) => basename(path))
        .filter((name) => ending.test(name)),
    );
    const missing = rows
      .filter(({ tried }) => !untried.includes(tried))
      .flatMap(({ theirs, tried }) => tried.split(', ').map((named) => ({ theirs, name: named.replaceAll('`', '') })))
      .filter(({ name }) => !tests.has(name));
    expect(missing).toEqual([]);
    const { paths } = JSON.parse(readFileSync(join(root, 'api/openapi.json'), 'utf8')) as {
      paths: Record<string, Record<string, { tags: string[] }>>;
    };
    const theirs = Object.entries(paths).flatMap(([path, methods]) =>
      Object.values(methods).some(({ tags }) => tags.includes('Earlier programs'))
        ? [path.replace('{name}', '<name>')]
        : [],
    );
    expect(theirs.length).toBeGreaterThan(7);
    expect(theirs.filter((path) => !page.includes(path))).toEqual([]);
  });

  it('lead from one to the other by links that end somewhere', () => {
    const ends = documents.flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
        .filter(([, target]) => !existsSync(join(root, dirname(file), target!)))
        .map(([, target]) => `${file}: ${target}`),
    );
    expect(ends).toEqual([]);
  });

  it('show pictures that are there and that the browser suite takes', () => {
    const stories = globSync('e2e/src/*.browser.ts', { cwd: root }).map((file) =>
      readFileSync(join(root, file), 'utf8'),
    );
    const shown = documents.flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/!\[[^\]]+\]\(([^)]+\.png)\)/g)].map(([, path]) =>
        join(dirname(file), path!),
      ),
    );
    expect(shown.length).toBeGreaterThan(3);
    expect(shown.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    const taken = new Set(
      [...stories.join('\n').matchAll(/takePicture\([\w.]+, '([\w-]+)'\)/g)].map(([, name]) => name),
    );
    const kept = globSync('docs/pictures/*.png', { cwd: root }).map((path) =>
      path.slice('docs/pictures/'.length, -'.png'.length),
    );
    expect(kept.filter((name) => !taken.has(name))).toEqual([]);
  });
});
