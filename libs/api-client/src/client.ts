import createFetchClient, { type MaybeOptionalInit } from 'openapi-fetch';
import type { PathsWithMethod, RequiredKeysOf } from 'openapi-typescript-helpers';
import { streamEvents, type EventOptions, type StreamedEvent } from './events.ts';
import type { components, paths } from './generated/schema.ts';
import { pause } from './pause.ts';
import { ApiProblem, problemIn } from './problem.ts';
import { Session, type Exclusively, type LogIn, type SessionTokens } from './session.ts';

export type Operation = components['schemas']['Operation'];
export type Plan = components['schemas']['Plan'];
export type BatchPlan = components['schemas']['BatchPlan'];

export interface ClientOptions {
  /** Where the gateway is: `https://polyvirt.example.org`. */
  readonly url: string;
  /** An API token; it goes before everything else. */
  readonly token?: string | undefined;
  /** With the password: logs in at the first request, and again whenever the session has ended. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Tokens of a session that is under way. */
  readonly session?: SessionTokens | undefined;
  /** In a browser: the session is kept in a cookie, which `restore` resumes, and renewed under this lock of all tabs. */
  readonly cookie?: Exclusively | undefined;
  /** Told whenever the tokens of the session change, so that they can be kept; undefined when it has ended. */
  readonly onSession?: (tokens: SessionTokens | undefined) => void;
  /**
   * Asked when a request needs that the password was given a short while ago: sends it to `POST /auth/confirm`, and says whether
   * that was done. Then the request is sent once more. By default it is sent when `password` is known.
   */
  readonly confirm?: (() => Promise<boolean>) | undefined;
  /** In place of the global one. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type Arguments<Init> = RequiredKeysOf<Init> extends never ? [init?: Init] : [init: Init];

type DataOf<Route> = Route extends { responses: infer Responses }
  ? { [Status in keyof Responses & SuccessStatus]: JsonOf<Responses[Status]> }[keyof Responses & SuccessStatus]
  : never;
type SuccessStatus = 200 | 201 | 202 | 204;
type JsonOf<Response> = Response extends { content: { 'application/json': infer Json } } ? Json : undefined;

type AnyPlan = Plan | BatchPlan;

/** What the route answers: a plan to a request with `dryRun`, anything else to all others. */
type DataFor<Route, Init> = Init extends { params: { query: { dryRun: unknown } } }
  ? Extract<DataOf<Route>, AnyPlan>
  : Exclude<DataOf<Route>, AnyPlan>;

/** A success: what the document promises for the route, and the response for its headers. */
export interface Answer<Path extends keyof paths, M extends Method, Init = unknown> {
  readonly data: DataFor<paths[Path][M], Init>;
  readonly response: Response;
}

/** Calls a route. Throws an `ApiProblem` for any answer but success, and what `fetch` throws when there is no answer. */
type Call<M extends Method> = <Path extends PathsWithMethod<paths, M>, Init extends MaybeOptionalInit<paths[Path], M>>(
  path: Path,
  ...init: Arguments<Init & { signal?: AbortSignal }>
) => Promise<Answer<Path, M, Init>>;

type ListPath = {
  [Path in PathsWithMethod<paths, 'get'>]: Answer<Path, 'get'>['data'] extends { items: unknown[] } ? Path : never;
}[PathsWithMethod<paths, 'get'>];
type ItemOf<Path extends ListPath> = Answer<Path, 'get'>['data'] extends { items: (infer Item)[] } ? Item : never;
type ParamsOf<Path extends ListPath> = paths[Path]['get'] extends { parameters: infer Parameters } ? Parameters : never;

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with every new look at the operation. */
  readonly onLook?: ((operation: Operation) => void) | undefined;
}

const firstLookMs = 50;
const slowestLookMs = 1_000;

/** The API of a gateway, typed by its OpenAPI document. */
export interface Client {
  readonly url: string;
  readonly GET: Call<'get'>;
  readonly POST: Call<'post'>;
  readonly PUT: Call<'put'>;
  readonly PATCH: Call<'patch'>;
  readonly DELETE: Call<'delete'>;
  /** Every item of a list, part by part. */
  items<Path extends ListPath>(path: Path, params?: ParamsOf<Path>): AsyncGenerator<ItemOf<Path>, void, undefined>;
  /** Everything that happens; see `streamEvents`. */
  events<Data = unknown>(options?: EventOptions): AsyncGenerator<StreamedEvent<Data>, void, undefined>;
  /** Resolves with the operation once it has ended, however it ended. Throws the reason of the signal. */
  waitForOperation(id: string, options?: WaitOptions): Promise<Operation>;
  /** Sends any request with the credential of the client; an answer that is no success is returned too. */
  send(request: Request): Promise<Response>;
  /** Begins a session; the password is not kept. Throws an `ApiProblem`. */
  logIn(credentials: LogIn): Promise<void>;
  /** Ends the session. */
  logOut(): Promise<void>;
  /** Resumes the session of the cookie; false if there is none any more. */
  restore(): Promise<boolean>;
  /** Forgets the session, which another tab has ended. */
  forget(): void;
  /** The token for what is no request, such as a live connection; undefined when nobody is logged in. */
  accessToken(): Promise<string | undefined>;
}

export function createClient(options: ClientOptions): Client {
  const { token, username, password } = options;
  const url = options.url.replace(/\/+$/, '');
  const fetch = options.fetch ?? ((request: Request) => globalThis.fetch(request));
  const session = new Session({
    url,
    fetch,
    logIn: username !== undefined && password !== undefined ? { username, password } : undefined,
    tokens: options.session,
    cookie: options.cookie,
    onTokens: options.onSession,
  });

  /** @param isKept  that the caller may want to send the request again */
  const send = async (request: Request, isKept = false): Promise<Response> => {
    const last = () => (isKept ? request.clone() : request);
    if (token !== undefined) return fetch(bearing(last(), token));
    const accessToken = await session.accessToken();
    if (accessToken === undefined) return fetch(last());
    const response = await fetch(bearing(request.clone(), accessToken));
    if (response.status !== 401) return response;
    const another = await session.replacementOf(accessToken);
    if (another === undefined) return response;
    await response.body?.cancel();
    return fetch(bearing(last(), another));
  };
  const confirmByPassword = async (known: string) => {
    await client.POST('/api/v1/auth/confirm', { body: { password: known } });
    return true;
  };
  const confirm = options.confirm ?? (password === undefined ? undefined : () => confirmByPassword(password));
  const succeed = async (request: Request): Promise<Response> => {
    const response = await send(request, true);
    if (response.ok) return response;
    const problem = await problemIn(response);
    const isForConfirmation = problem instanceof ApiProblem && problem.code === 'confirmation-required';
    if (!isForConfirmation || !(await confirm?.())) throw problem;
    const again = await send(request);
    if (!again.ok) throw await problemIn(again);
    return again;
  };
  const api = createFetchClient<paths>({ baseUrl: url, fetch: succeed });

  const client: Client = {
    url,
    GET: api.GET as unknown as Call<'get'>,
    POST: api.POST as unknown as Call<'post'>,
    PUT: api.PUT as unknown as Call<'put'>,
    PATCH: api.PATCH as unknown as Call<'patch'>,
    DELETE: api.DELETE as unknown as Call<'delete'>,
    async *items(path, params) {
      const get = api.GET as unknown as (
        path: string,
        init: object,
      ) => Promise<{ data: { items: never[]; nextCursor?: string } }>;
      let cursor: string | undefined;
      do {
        const query = { ...(params as { query?: object } | undefined)?.query, ...(cursor !== undefined && { cursor }) };
        const { data } = await get(path, { params: { ...(params as object | undefined), query } });
        yield* data.items;
        cursor = data.nextCursor;
      } while (cursor !== undefined);
    },
    events: (eventOptions = {}) => streamEvents({ url, send }, eventOptions),
    async waitForOperation(operationId, { signal, onLook } = {}) {
      for (let waitMs = firstLookMs; ; waitMs = Math.min(waitMs * 1.5, slowestLookMs)) {
        const { data } = await client.GET('/api/v1/operations/{operationId}', {
          params: { path: { operationId } },
          ...(signal && { signal }),
        });
        onLook?.(data);
        if (data.status !== 'pending' && data.status !== 'running') return data;
        await pause(waitMs, signal);
      }
    },
    send: (request) => send(request),
    logIn: (credentials) => session.logIn(credentials),
    logOut: () => session.logOut(),
    restore: () => session.restore(),
    forget: () => session.forget(),
    accessToken: async () => token ?? (await session.accessToken()),
  };
  return client;
}

/** The operation, when it has succeeded; else throws the problem it ended with as an `ApiProblem`. */
export function requireSuccess(operation: Operation): Operation {
  if (operation.status === 'succeeded') return operation;
  if (operation.error) throw new ApiProblem(operation.error);
  throw new Error(`operation ${operation.id} is ${operation.status}`);
}

function bearing(request: Request, token: string): Request {
  request.headers.set('authorization', `Bearer ${token}`);
  return request;
}
