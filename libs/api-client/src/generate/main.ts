import { writeFile } from 'node:fs/promises';
import { documentFile, renderSchema, schemaFile } from './render-schema.ts';

const [document = documentFile] = process.argv.slice(2);
await writeFile(schemaFile, await renderSchema(document));
