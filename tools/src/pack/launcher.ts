/**
 * What `npm i -g` puts on the PATH, in words that every Node.js from 14 on reads: an older one than the program is for hands over to
 * that of the package `node` beside it, or says what is missing.
 */
export const launcher = (program: string, [major, minor]: readonly [number, number]): string => `#!/usr/bin/env node
import { spawn } from 'child_process';
import { accessSync } from 'fs';
import { createRequire } from 'module';
import { dirname, join } from 'path';
import { fileURLToPath } from 'url';

const [major, minor] = process.versions.node.split('.').map(Number);
const main = new URL('./main.mjs', import.meta.url);
if (major > ${major} || (major === ${major} && minor >= ${minor})) {
  await import(main.href);
} else {
  let node;
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'));
    node = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    accessSync(node);
  } catch {
    console.error(
      '${program} needs Node.js ${major}.${minor} or newer and runs on ' + process.versions.node +
        '. https://nodejs.org has it; with access to the npm registry \`npm i -g --allow-scripts=node\` brings it along.',
    );
    process.exit(1);
  }
  const child = spawn(node, [fileURLToPath(main), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  child.once('exit', (code, signal) => process.exit(code === null ? 128 + (signal === 'SIGKILL' ? 9 : 15) : code));
}
`;
