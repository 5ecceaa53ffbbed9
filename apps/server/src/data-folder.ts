import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { env } from 'node:process';
import { z } from 'zod';
import { Fault } from './fault.ts';

/** How the server was set up: what `init` was told. */
export const Setup = z.strictObject({
  names: z.array(z.string()).min(1),
  port: z.number(),
  natsPort: z.number(),
});
export type Setup = z.infer<typeof Setup>;

/** Where the server keeps everything unless `--data-dir` says. */
export function usualFolder(): string {
  if (process.getuid?.() === 0) return '/var/lib/polyvirt';
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'polyvirt');
}

/**
 * What the server keeps on its machine. Files have the names that they have below the data folder of `npm start`, so that `init` goes on
 * with such a folder.
 */
export class DataFolder {
  constructor(readonly path: string) {}

  at(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  secret(name: string): string {
    return this.at('secrets', name);
  }

  tls(name: string): string {
    return this.at('tls', name);
  }

  /** @throws Fault if there has been no `init` */
  setup(): Setup {
    const file = this.at('server.json');
    if (!existsSync(file))
      throw new Fault(`There is no server in ${this.path} yet: \`polyvirt-server init\` makes one.`, 78);
    return Setup.parse(JSON.parse(readFileSync(file, 'utf8')));
  }

  knownSetup(): Setup | undefined {
    return existsSync(this.at('server.json')) ? this.setup() : undefined;
  }

  /** Folders that only their owner reads. */
  async prepare(): Promise<void> {
    for (const folder of [this.path, this.at('secrets'), this.at('tls'), this.at('nats')]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if (folder !== this.path) await chmod(folder, 0o700);
    }
  }

  /** The text of a file; made and written when there is none yet. What is there already is never made anew. */
  async keep(file: string, make: () => string | Promise<string>): Promise<string> {
    if (!existsSync(file)) await this.put(file, `${(await make()).trimEnd()}\n`);
    const text = (await readFile(file, 'utf8')).trim();
    if (text === '') throw new Fault(`${file} is empty. Restore it from a backup, or delete it to have another made.`);
    return text;
  }

  /** All of it or nothing, on the disk, and for its owner alone. */
  async put(file: string, text: string): Promise<void> {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(`${file}.new`, 'w', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.new`, file);
  }
}
