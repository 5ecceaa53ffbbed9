import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import openapiTS, { astToString } from 'openapi-typescript';

/** The OpenAPI document that the types are made from, and the file they are kept in. */
export const documentFile = join(import.meta.dirname, '../../../../api/openapi.json');
export const schemaFile = join(import.meta.dirname, '../generated/schema.ts');

const header = '/** Generated from api/openapi.json by `npm run generate -w libs/api-client`; changes are lost. */\n\n';

/** The types of every path and schema of an OpenAPI document. */
export async function renderSchema(file: string): Promise<string> {
  const document = await readFile(file);
  // A field with a default may be left out of a request, and is not promised in an answer either.
  const nodes = await openapiTS(document, { defaultNonNullable: false, alphabetize: true });
  return `${header}${astToString(nodes)}`;
}
