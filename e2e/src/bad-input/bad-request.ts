import { request } from 'node:http';
import type { Who, World } from './world.ts';

/** One request that has to be refused. `{name}` in its path and headers stands for something in the world. */
export interface BadRequest {
  /** HTTP status and code of the problem. */
  readonly expected: `${number} ${string}`;
  readonly what: string;
  readonly method: string;
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, in place of `body`. */
  readonly raw?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whose credential it carries; the administrator's unless told. */
  readonly as?: Who;
}

type Details = Omit<BadRequest, 'expected' | 'what' | 'method' | 'path'>;

/** A row of the table. Paths without `/api` are below `/api/v1`. */
export function bad(
  expected: BadRequest['expected'],
  what: string,
  request: `${string} /${string}`,
  details: Details = {},
): BadRequest {
  const space = request.indexOf(' ');
  return { expected, what, method: request.slice(0, space), path: request.slice(space + 1), ...details };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}

/** Whether a row asks for a change of machines, so that it has a plan as well. A plan is no act, and needs no key. */
export const isPlannable = ({ method, path, headers = {} }: BadRequest): boolean =>
  !Object.keys(headers).some((name) => /^idempotency-key$/i.test(name)) &&
  method !== 'GET' &&
  /^\/vms(?:\/|\?|$)/.test(path) &&
  !/\/console\b|dryRun/.test(path);

/** The same as a question for the plan. */
export const asPlan = (row: BadRequest): BadRequest => ({
  ...row,
  path: `${row.path}${row.path.includes('?') ? '&' : '?'}dryRun=true`,
});

/** Sends a row as it stands: nothing tidies its path up, or adds a header but the credential. */
export function send(row: BadRequest, world: World): Promise<RawAnswer> {
  const filled = (text: string) => text.replaceAll(/\{([a-z]\w*)\}/gi, (_, name: string) => world.placeOf(name));
  const bytes = row.raw ?? (row.body === undefined ? undefined : filled(JSON.stringify(row.body)));
  const credential = world.credentialOf(row.as ?? 'admin');
  const headers = {
    ...(credential !== undefined && { authorization: credential }),
    ...(bytes !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes) }),
    ...Object.fromEntries(Object.entries(row.headers ?? {}).map(([name, value]) => [name, filled(value)])),
  };
  const isOutside = /^\/(?:api|docs|metrics|healthz|readyz)\b/.test(row.path);
  const path = filled(isOutside ? row.path : `/api/v1${row.path}`);
  return exchange(world.url, row.method, path, headers, bytes);
}

function exchange(
  url: string,
  method: string,
  path: string,
  headers: Record<string, string | number>,
  bytes: string | Buffer | undefined,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
      response.once('error', reject);
    });
    outgoing.once('error', reject);
    outgoing.end(bytes);
  });
}
