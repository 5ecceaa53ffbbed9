import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import { readConfig } from '@polyvirt/config';
import * as contracts from '@polyvirt/contracts';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import type { z } from 'zod';
import { gatewayConfig } from '../config.ts';
import { createGateway } from '../gateway.ts';
import { createApiDocument } from './document.ts';
import { examples } from './examples.ts';

const committed = fileURLToPath(new URL('../../../../api/openapi.json', import.meta.url));

interface Operation {
  operationId?: string;
  summary?: string;
  parameters?: { $ref?: string }[];
  responses: Record<string, { content?: Record<string, { examples?: Record<string, unknown> }> }>;
  'x-permission'?: string;
  security?: object[];
}

describe('OpenAPI document', () => {
  let app: NestFastifyApplication;
  let document: OpenAPIObject;
  let operations: { where: string; method: string; operation: Operation }[];
  beforeAll(async () => {
    const config = readConfig(gatewayConfig, { POLYVIRT_JWT_SECRET: 'unused'.repeat(8), POLYVIRT_LOG_LEVEL: 'silent' });
    app = await createGateway(config, { preview: true });
    await app.init();
    document = createApiDocument(app);
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({
        where: `${method} ${path}`,
        method,
        operation,
      })),
    );
  });
  afterAll(() => app.close());

  it('is clean in Redocly, examples included', async () => {
    const config = await createConfig({
      extends: ['recommended-strict'],
      rules: {
        'no-invalid-media-type-examples': 'error',
        'no-duplicated-tag-names': 'error',
        'operation-parameters-unique': 'error',
      },
    });
    const faults = await lintFromString({ source: JSON.stringify(document), config });
    expect(document.openapi).toBe('3.1.0');
    expect(faults.map(({ message, location }) => `${message} ${location[0]?.pointer}`)).toEqual([]);
  });

  it('gives every operation a name, a summary, its permission and its problems', () => {
    for (const { where, operation } of operations) {
      expect([where, operation.operationId]).toEqual([where, expect.stringMatching(/^[a-z][A-Za-z]+$/)]);
      expect([where, operation.summary]).toEqual([where, expect.stringMatching(/\.$/)]);
      if (operation.security?.length) expect([where, operation['x-permission']]).toEqual([where, expect.any(String)]);
      expect([where, operation.responses['500']]).toEqual([where, expect.anything()]);
    }
  });

  it('offers an Idempotency-Key on every POST but those with a credential in the body', () => {
    const posts = operations.filter(({ method }) => method === 'post');
    const without = posts.filter(
      ({ operation }) => !operation.parameters?.some(({ $ref }) => $ref === '#/components/parameters/Idempotency-Key'),
    );
    expect(posts.length).toBeGreaterThan(3);
    expect(without.map(({ where }) => where)).toEqual([
      ...['confirm', 'links', 'links/use', 'login', 'logout', 'password', 'refresh'].map(
        (name) => `post /api/v1/auth/${name}`,
      ),
      'post /api/v1/hosts/join',
    ]);
  });

  it('has examples that its schemas accept', () => {
    const byId = new Map<string, z.ZodType>();
    for (const value of Object.values(contracts)) {
      const schema = value as Partial<z.ZodType>;
      const id = typeof schema.meta === 'function' ? (schema as z.ZodType).meta()?.id : undefined;
      if (id !== undefined) byId.set(id, schema as z.ZodType);
    }
    for (const [id, example] of Object.entries(examples)) {
      expect([id, byId.get(id)?.safeParse(example).error?.issues ?? []]).toEqual([id, []]);
    }
  });

  it('is the same every time', () => {
    expect(JSON.stringify(createApiDocument(app))).toBe(JSON.stringify(document));
  });

  it('is the committed one; `npm run api` writes it', async () => {
    expect(JSON.parse(await readFile(committed, 'utf8'))).toEqual(JSON.parse(JSON.stringify(document)));
  });
});
