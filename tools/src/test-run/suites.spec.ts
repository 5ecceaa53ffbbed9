import { describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../places.ts';
import { expectedSeconds } from './durations.ts';
import { hasFiles, SUITES } from './suites.ts';

const { default: config } = (await import(join(root, 'jest.config.mjs'))) as {
  default: { projects: readonly { displayName: string; testMatch: readonly string[] }[] };
};

describe('the suites', () => {
  it('are the projects of Jest', () => {
    expect(SUITES.map(({ name }) => name).sort()).toEqual(config.projects.map(({ displayName }) => displayName).sort());
    for (const { name, ending } of SUITES)
      expect([name, config.projects.find(({ displayName }) => displayName === name)?.testMatch]).toEqual([
        name,
        [`<rootDir>/**/*.${ending}.ts`],
      ]);
  });

  it('have files', async () => {
    for (const suite of SUITES) expect([suite.name, await hasFiles(suite)]).toEqual([suite.name, true]);
  });

  it('have the files that are expected to take long', () => {
    expect(Object.keys(expectedSeconds).filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });
});
