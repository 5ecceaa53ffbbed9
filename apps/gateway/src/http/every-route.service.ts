import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { problemIn } from '../testing/test-gateway.ts';
import { TestHouse } from '../testing/test-house.ts';

interface Parameter {
  name?: string;
  in?: string;
}

interface Operation {
  operationId: string;
  parameters?: Parameter[];
  responses: Record<string, { content?: Record<string, { schema?: { $ref?: string } }> }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { properties?: object }> };
}

// The rules of this file are for all routes, also for those that come later: the table is the API's own description.
describe('every route', () => {
  let house: TestHouse;
  let routes: { method: string; path: string; operation: Operation }[];
  let document: Document;
  beforeAll(async () => {
    house = await TestHouse.start();
    document = (await house.call<Document>('GET', '/openapi.json')).body;
    routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
    );
  });
  afterAll(() => house.stop());

  /** With something in the place of each parameter; the query is looked at before the path. */
  const addressOf = (path: string) => path.replaceAll(/\{\w+\}/g, 'kvm-a~x');
  const queryOf = ({ parameters = [] }: Operation) =>
    parameters.flatMap((one) => (one.in === 'query' ? [one.name!] : []));

  it('refuses a parameter that it does not declare, and says which it takes', async () => {
    expect(routes.length).toBeGreaterThan(45);
    const changes: string[] = [];
    for (const { method, path, operation } of routes) {
      const answer = await house.gateway.call(method, `${addressOf(path)}?nonsense=1`, {
        token: house.token,
        headers: { 'idempotency-key': 'one-for-all' },
      });
      const where = `${method} ${path}`;
      expect([where, answer.status, problemIn(answer).code]).toEqual([where, 400, 'invalid-input']);
      const { errors } = problemIn(answer);
      expect([where, errors?.map(({ pointer }) => pointer)]).toEqual([where, ['nonsense']]);
      for (const name of queryOf(operation))
        expect([where, errors?.[0]?.detail]).toEqual([where, expect.stringContaining(name)]);
      if (method !== 'GET') changes.push(where);
    }
    expect(changes.length).toBeGreaterThan(20);
  });

  it('that answers with a list takes limit and cursor', () => {
    const lists = routes.filter(({ method, operation }) => {
      const ref = operation.responses['200']?.content?.['application/json']?.schema?.$ref;
      const schema = document.components.schemas[ref?.split('/').at(-1) ?? ''];
      return method === 'GET' && schema?.properties !== undefined && 'nextCursor' in schema.properties;
    });
    expect(lists.length).toBeGreaterThanOrEqual(10);
    for (const { path, operation } of lists)
      expect([path, queryOf(operation)]).toEqual([path, expect.arrayContaining(['limit', 'cursor'])]);
  });
});
