import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../replace-file.ts';

/** Of these a secret can be opened that was replaced not long ago. */
const mostFormer = 3;

const newSecret = (): string => randomBytes(24).toString('base64url');

/** Where the secrets are that one has replaced. */
export const formerOf = (name: string): string => `${name}-former`;

/** Generated passwords and keys, one file of mode 0600 each. */
export class Secrets {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(folder: string): Promise<Secrets> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    return new Secrets(folder);
  }

  fileOf(name: string): string {
    return join(this.#folder, name);
  }

  /** The secret of that name; made when there is none yet, as a password unless told otherwise. */
  async get(name: string, make = newSecret): Promise<string> {
    const file = this.fileOf(name);
    const made = make();
    try {
      await writeFile(file, `${made}\n`, { mode: 0o600, flag: 'wx' });
      return made;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        // A full disk leaves half of it, which the next start would take for all.
        await rm(file, { force: true });
        throw error;
      }
    }
    const value = (await readFile(file, 'utf8')).trim();
    if (value === '') throw new Error(`${file} is empty; delete it to have a new secret made`);
    return value;
  }

  /** Replaces the secret of that name by one that is made of others. */
  async put(name: string, value: string): Promise<void> {
    await replaceFile(this.fileOf(name), `${value.trimEnd()}\n`);
  }

  /** The secrets that this one has replaced, the newest first, as JSON; in a file of their own. */
  async getFormer(name: string): Promise<string[]> {
    return JSON.parse(await this.get(formerOf(name), () => '[]')) as string[];
  }

  /** Makes a new secret of that name. After a crash in between the old one is still there, and is a former one as well. */
  async renew(name: string): Promise<void> {
    const former = [await this.get(name), ...(await this.getFormer(name))];
    await this.put(formerOf(name), JSON.stringify([...new Set(former)].slice(0, mostFormer)));
    await this.put(name, newSecret());
  }

  /** True once for each secret: whoever has been shown it is not shown it again. */
  async isFirstShowing(name: string): Promise<boolean> {
    try {
      await writeFile(`${this.fileOf(name)}.shown`, '', { mode: 0o600, flag: 'wx' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return false;
    }
  }
}
