import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { TestEnvironment } from 'jest-environment-node';
import { root } from '../places.ts';
import { ONLY } from './jest-messages.ts';

/** Runs some tests of each file by name; Jest's own option takes one pattern for all files. */
export default class NamedTestsEnvironment extends TestEnvironment {
  readonly #names: readonly string[];

  constructor(...[config, context]: ConstructorParameters<typeof TestEnvironment>) {
    super(config, context);
    const only = JSON.parse(readFileSync(process.env[ONLY]!, 'utf8')) as Record<string, string[]>;
    this.#names = only[relative(root, context.testPath)] ?? [];
  }

  handleTestEvent({ name }: { name: string }, state: { testNamePattern?: RegExp | null }): void {
    if (name === 'run_start' && this.#names.length > 0) state.testNamePattern = exactly(this.#names);
  }
}

function exactly(names: readonly string[]): RegExp {
  return new RegExp(`^(?:${names.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})$`);
}
