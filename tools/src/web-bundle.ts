import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { npmProgram } from './npm-program.ts';
import { root } from './places.ts';

const folder = join(root, 'apps/web');
/** Beside what was built: of which sources that is. */
const stamp = join(folder, 'dist', '.sources');
const sources = [
  'apps/web/{index.html,*.ts,*.json}',
  'apps/web/{src,build}/**/*',
  'libs/api-client/src/**/*.ts',
  'package-lock.json',
];

/** The bundler and its arguments; the compiler has checked the sources before. */
export const bundler = (): { program: string; args: readonly string[] } => ({
  program: npmProgram('vite'),
  args: ['build', '--logLevel', 'warn', folder],
});

/** Whether the web console has changed since it was bundled. `built` notes that it has been. */
export async function webBundle(): Promise<{ stale: boolean; built(): Promise<void> }> {
  const wanted = await digest();
  const found = await readFile(stamp, 'utf8').catch(() => '');
  return { stale: found !== wanted, built: () => writeFile(stamp, wanted) };
}

async function digest(): Promise<string> {
  const files = globSync([...sources], { cwd: root, exclude: (path) => /tsbuildinfo$/.test(path) }).sort();
  const hash = createHash('sha256');
  for (const file of files) {
    const bytes = await readFile(join(root, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EISDIR') return undefined;
      throw error;
    });
    if (bytes) hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}
