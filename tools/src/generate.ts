import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asyncApiDocument } from './generate/asyncapi.ts';
import { configurationPage } from './generate/configuration.ts';
import { root } from './places.ts';

/** Writes what is generated from the declarations and is no app's own: the AsyncAPI document and the page of settings. */
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };

for (const [path, text] of [
  ['api/asyncapi.json', `${JSON.stringify(asyncApiDocument(version), null, 2)}\n`],
  ['docs/configuration.md', await configurationPage()],
] as const) {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
  console.log(`wrote ${path}`);
}
