import type { Client } from '@polyvirt/api-client';
import { Exit, type Route } from './declaration.ts';
import { exitCodes, notOurs } from './exit-codes.ts';

export interface Call {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

type Untyped = (path: string, init: object) => Promise<{ data: unknown; response: Response }>;

/** Calls a route that is only known at run time. Throws an `ApiProblem` for any answer but success. */
export async function call<Data>(
  client: Client,
  route: Route,
  { path, query, header, body, signal }: Call = {},
): Promise<{ data: Data; response: Response }> {
  const [method, template] = route.split(' ') as ['GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', string];
  const answer = await (client[method] as unknown as Untyped)(template, {
    params: { path, query, header },
    ...(body !== undefined && { body }),
    ...(signal && { signal }),
  });
  return answer as { data: Data; response: Response };
}

/** Every item of a list, or the first `limit`. */
export async function listAll<Item>(
  client: Client,
  route: Route,
  { path, query = {} }: Pick<Call, 'path' | 'query'> = {},
  limit = Infinity,
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const part = Math.min(500, limit - items.length);
    const { data } = await call<{ items: Item[]; nextCursor?: string } | undefined>(client, route, {
      ...(path && { path }),
      query: { ...query, limit: part, ...(cursor !== undefined && { cursor }) },
    });
    if (!Array.isArray(data?.items)) throw new Exit(exitCodes.failed.code, notOurs(client.url));
    items.push(...data.items);
    cursor = data.nextCursor;
  } while (cursor !== undefined && items.length < limit);
  return items;
}
