import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ConformanceReport } from '@polyvirt/hypervisor/testing';
import { npmProgram, root, run } from '@polyvirt/tools';
import { guideApp, readGuide } from './guide.ts';

/** The part of `jest --json` that counts. */
interface JestResult {
  readonly numTotalTests: number;
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

interface JestConfig {
  readonly projects: readonly ({ readonly displayName: string } & Record<string, unknown>)[];
}

const state = join(root, '.polyvirt');

/** The app of the guide, written to a folder of its own that is as deep in the workspace as the real one would be. */
export class FollowedGuide {
  private constructor(readonly folder: string) {}

  static async write(): Promise<FollowedGuide> {
    const { files } = await readGuide();
    await mkdir(state, { recursive: true });
    const guide = new FollowedGuide(await mkdtemp(join(state, 'driver-guide-')));
    try {
      await mkdir(join(guide.machines, 'images'), { recursive: true });
      for (const { path, text } of files) {
        const file = join(guide.folder, relative(guideApp, path));
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }
      return guide;
    } catch (error) {
      await guide.remove();
      throw error;
    }
  }

  /** Folder of the machines, as the operator would make it. */
  get machines(): string {
    return join(this.folder, 'machines');
  }

  /** The agent, once it is built. */
  get entry(): string {
    return join(this.folder, 'dist/main.js');
  }

  /** Type-checks and builds it against the workspace, which is built already. Rejects with what the compiler says. */
  async build(): Promise<void> {
    await this.#node(npmProgram('typescript', 'tsc'), '--project', this.folder);
  }

  /** Runs the conformance suite as `npm test` does, in a process of its own. */
  async conformance(): Promise<{ result: JestResult; report: ConformanceReport }> {
    const workspace = (await import(pathToFileURL(join(root, 'jest.config.mjs')).href)) as { default: JestConfig };
    const suite = workspace.default.projects.find(({ displayName }) => displayName === 'conformance');
    const [config, output] = [join(this.folder, 'jest.json'), join(this.folder, 'result.json')];
    // What starts brokers is for suites that need one, and is named by paths of the workspace.
    const withoutBrokers = { globalSetup: undefined, globalTeardown: undefined };
    const here = { ...withoutBrokers, rootDir: this.folder, modulePathIgnorePatterns: ['/dist/'] };
    await writeFile(config, JSON.stringify({ ...suite, ...here }));
    await this.#node(npmProgram('jest'), '--config', config, '--json', '--outputFile', output);
    return { result: await readJson(output), report: await readJson(this.#report) };
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    await rm(this.#report, { force: true });
  }

  /** Where the conformance file of the guide writes to, which is the same place from here. */
  get #report(): string {
    return join(state, 'conformance/folder.json');
  }

  async #node(program: string, ...args: string[]): Promise<void> {
    await run(process.execPath, ['--experimental-vm-modules', '--no-warnings', program, ...args], {
      cwd: root,
      env: { NODE_OPTIONS: '' },
      // For one that hangs, on the slowest machine.
      timeoutMs: 600_000,
    });
  }
}

async function readJson<Content>(file: string): Promise<Content> {
  return JSON.parse(await readFile(file, 'utf8')) as Content;
}
