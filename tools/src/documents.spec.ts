import { describe, expect, it } from '@jest/globals';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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
});
