import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { documentFile, renderSchema, schemaFile } from './render-schema.ts';

it('has written what the OpenAPI document says now', async () => {
  expect(await renderSchema(documentFile)).toBe(await readFile(schemaFile, 'utf8'));
});
