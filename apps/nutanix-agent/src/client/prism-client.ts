import { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { Agent, request, type Dispatcher } from 'undici';
import { isUuid } from '../vm/uuid.ts';
import { backOff, pause } from './back-off.ts';
import { isObject, type JsonObject } from './json.ts';
import {
  PrismCertificateError,
  PrismError,
  PrismTimeoutError,
  PrismUnreachableError,
  refusalIn,
} from './prism-error.ts';
import { Secrets } from './secrets.ts';
import { cookieOf, Session } from './session.ts';
import { connector, connectTrusted, type TlsTrust } from './tls.ts';

export interface PrismClientOptions {
  /** `https://prism.example:9440` */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** `session` logs in once and shows the cookie; `basic` sends the password with each call. */
  readonly auth?: 'session' | 'basic' | undefined;
  readonly trust?: TlsTrust | undefined;
  /** How long one try of a call may take. 15,000 ms by default. */
  readonly callMs?: number | undefined;
  /** How often a call is tried when there is no answer, or one that asks to come again. 5 by default. */
  readonly tries?: number | undefined;
  /** Shortest wait before the next try. 300 ms by default. */
  readonly retryMs?: number | undefined;
  /** Longest such wait. 5,000 ms by default. */
  readonly retryMostMs?: number | undefined;
  /** Makes the signal that ends a try after `callMs`; the machine's timer by default. */
  readonly deadline?: ((ms: number) => AbortSignal) | undefined;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface SendOptions {
  readonly content: AsyncIterable<Uint8Array>;
  /** Of all of it; it goes in pieces of unknown number when absent. */
  readonly bytes?: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly body: JsonObject;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

const V3 = '/api/nutanix/v3';
const CONNECTIONS = 8;
/** Of a file that is sent: how long Prism may take none of it, and what it may do with it once it has all. */
const TAKE_WITHIN_MS = 60_000;
const KEEP_WITHIN_MS = 10 * 60_000;
/** A server that asks to wait for longer is taken at its word only so far; the caller hears of the rest. */
const RETRY_AFTER_MOST_SECONDS = 30;
const TRY_AGAIN = [429, 502, 503, 504];

/**
 * Calls to Prism Central over a pool of kept connections. A call is repeated when it got no answer or was put off; all that
 * it is used for can be repeated: what is made has an id chosen before, and what is changed is looked at before.
 */
export class PrismClient {
  readonly url: URL;
  /** What was sent and may stand in no problem. */
  readonly secrets = new Secrets();
  readonly #options: {
    callMs: number;
    tries: number;
    retryMs: number;
    retryMostMs: number;
    deadline: (ms: number) => AbortSignal;
  };
  readonly #trust: TlsTrust;
  readonly #agent: Agent;
  readonly #authorization: string;
  readonly #session: Session | undefined;
  /** Nobody calls before: Prism has asked for fewer calls. By `Date.now()`. */
  #notBefore = 0;
  #unanswered = 0;

  constructor({ url, username, password, auth = 'session', trust = {}, ...rest }: PrismClientOptions) {
    this.url = new URL(url);
    this.#trust = trust;
    this.#options = {
      callMs: rest.callMs ?? 15_000,
      tries: rest.tries ?? 5,
      retryMs: rest.retryMs ?? 300,
      retryMostMs: rest.retryMostMs ?? 5_000,
      deadline: rest.deadline ?? ((ms) => AbortSignal.timeout(ms)),
    };
    const { callMs } = this.#options;
    this.#agent = new Agent({
      connect: connector(trust, callMs),
      connections: CONNECTIONS,
      keepAliveTimeout: 30_000,
      headersTimeout: callMs,
      bodyTimeout: callMs,
    });
    this.#authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    this.#session = auth === 'session' ? new Session((signal) => this.#logIn(signal)) : undefined;
  }

  /** How many tries of calls that may change something had no answer of use, so that Prism may have taken them all the same. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** A call of v3; the path is below `/api/nutanix/v3`. @throws PrismError, PrismUnreachableError, PrismTimeoutError */
  async v3(method: Method, path: string, signal: AbortSignal, body?: unknown): Promise<JsonObject> {
    return (await this.call(method, `${V3}${path}`, { body, signal })).body;
  }

  /** As `v3`; undefined when there is no such entity. */
  async find(path: string, signal: AbortSignal): Promise<JsonObject | undefined> {
    try {
      return await this.v3('GET', path, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async call(method: Method, path: string, { body, headers, signal }: CallOptions): Promise<Answer> {
    const { tries, retryMs, retryMostMs } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      await pause(this.#notBefore - Date.now(), signal);
      try {
        return await this.#withLogin(method, path, { body, headers: headers ?? {}, signal });
      } catch (error) {
        signal.throwIfAborted();
        if (method !== 'GET' && mayPass(error)) this.#unanswered += 1;
        if (attempt + 1 >= tries || !mayPass(error)) throw error;
        const asked = error instanceof PrismError ? error.retryAfterSeconds : undefined;
        const waitMs = asked === undefined ? backOff(attempt, retryMs, retryMostMs) : asked * 1_000;
        if (error instanceof PrismError && error.status === 429) this.#notBefore = Date.now() + waitMs;
        else await pause(waitMs, signal);
      }
    }
  }

  /**
   * Puts a file to a path below `/api/nutanix/v3`, as it comes. It is sent once: what was read is gone, so whoever calls has
   * it read again. What the content throws comes out. @throws PrismError, PrismUnreachableError, PrismTimeoutError
   */
  async send(path: string, { content, bytes, headers, signal }: SendOptions): Promise<void> {
    const credentials = await this.#credentials(signal);
    const idle = new Countdown(() => new PrismTimeoutError(`${this.url.host} took nothing more of the file.`));
    const failures: unknown[] = [];
    async function* taken() {
      try {
        for await (const chunk of content) {
          idle.start(TAKE_WITHIN_MS);
          yield chunk;
          idle.stop();
        }
        idle.start(KEEP_WITHIN_MS);
      } catch (error) {
        failures.push(error);
        throw error;
      }
    }
    const length: Record<string, string> = bytes === undefined ? {} : { 'content-length': String(bytes) };
    try {
      await this.#ask('PUT', `${V3}${path}`, {
        payload: Readable.from(taken(), { objectMode: false }),
        headers: { 'content-type': 'application/octet-stream', ...length, ...headers, ...credentials },
        within: AbortSignal.any([signal, idle.signal]),
        signal,
        // How long it may take is counted here.
        timeouts: { headersTimeout: 0, bodyTimeout: 0 },
      });
    } catch (error) {
      signal.throwIfAborted();
      if (failures.length > 0) throw failures[0] as Error;
      if (idle.signal.aborted) throw idle.signal.reason as Error;
      const { cookie } = credentials;
      if (cookie !== undefined && isUnauthenticated(error)) this.#session?.refused(cookie);
      throw error;
    } finally {
      idle.stop();
    }
  }

  /** A connection for a WebSocket, and the headers that open it. */
  async upgrade(signal: AbortSignal): Promise<{ socket: TLSSocket; headers: Record<string, string> }> {
    const headers = await this.#credentials(signal);
    const socket = await connectTrusted(this.url, this.#trust, signal).catch((error: unknown) => {
      throw this.#noAnswer(error, signal);
    });
    return { socket, headers };
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #withLogin(
    method: Method,
    path: string,
    { body, headers, signal }: Required<Omit<CallOptions, 'body'>> & { body: unknown },
  ): Promise<Answer> {
    const credentials = await this.#credentials(signal);
    try {
      return await this.#once(method, path, { body, headers: { ...headers, ...credentials }, signal });
    } catch (error) {
      const { cookie } = credentials;
      if (!isUnauthenticated(error) || cookie === undefined) throw error;
      this.#session?.refused(cookie);
      return this.#once(method, path, {
        body,
        headers: { ...headers, ...(await this.#credentials(signal)) },
        signal,
      });
    }
  }

  async #credentials(signal: AbortSignal): Promise<Record<string, string>> {
    const cookie = await this.#session?.cookie(signal);
    return cookie === undefined || cookie === '' ? { authorization: this.#authorization } : { cookie };
  }

  async #logIn(signal: AbortSignal): Promise<string> {
    const { headers } = await this.#once('GET', `${V3}/users/me`, {
      body: undefined,
      headers: { authorization: this.#authorization },
      signal,
    });
    return cookieOf(headers['set-cookie']);
  }

  async #once(
    method: Method,
    path: string,
    { body, headers, signal }: { body: unknown; headers: Record<string, string>; signal: AbortSignal },
  ): Promise<Answer> {
    const { callMs, deadline } = this.#options;
    this.secrets.learn(body);
    return this.#ask(method, path, {
      payload: body === undefined ? null : JSON.stringify(body),
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      within: AbortSignal.any([signal, deadline(callMs)]),
      signal,
    });
  }

  async #ask(
    method: Method,
    path: string,
    {
      payload,
      headers,
      within,
      signal,
      timeouts = {},
    }: {
      payload: string | Readable | null;
      headers: Record<string, string>;
      within: AbortSignal;
      signal: AbortSignal;
      timeouts?: { headersTimeout?: number; bodyTimeout?: number };
    },
  ): Promise<Answer> {
    let response: Dispatcher.ResponseData;
    let text: string;
    try {
      response = await request(new URL(path, this.url), {
        method,
        dispatcher: this.#agent,
        headers: { accept: 'application/json', ...headers },
        body: payload,
        signal: within,
        ...timeouts,
      });
      text = await response.body.text();
    } catch (error) {
      throw this.#noAnswer(error, signal);
    }
    const parsed = parse(text);
    const wait = retryAfter(response.headers['retry-after']);
    const refusal = refusalIn(method, response.statusCode, parsed, wait, path.split('/').find(isUuid));
    if (refusal) {
      refusal.message = this.secrets.clean(refusal.message);
      throw refusal;
    }
    return { body: isObject(parsed) ? parsed : {}, headers: response.headers };
  }

  #noAnswer(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    const { name, code, message } = error as NodeJS.ErrnoException;
    const { host } = this.url;
    if (error instanceof PrismCertificateError || isCertificateFault(code))
      return new PrismCertificateError(`The certificate of ${host} is not trusted: ${message}`, { cause: error });
    if (name === 'TimeoutError' || /TIMEOUT/.test(code ?? ''))
      return new PrismTimeoutError(`${host} did not answer within ${this.#options.callMs / 1_000} s.`, {
        cause: error,
      });
    return new PrismUnreachableError(`${host}: ${message}`, { cause: error });
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof PrismError && error.status === 404;

/** A session that has ended, or a credential that is none. */
export const isUnauthenticated = (error: unknown): boolean => error instanceof PrismError && error.status === 401;

/** Another task holds the entity, or somebody changed it since it was read. */
export const isConflict = (error: unknown): boolean =>
  error instanceof PrismError &&
  error.reason !== 'ENTITY_ALREADY_EXISTS' &&
  (error.status === 409 || error.reason === 'CONCURRENT_REQUESTS_NOT_ALLOWED' || /edit conflict/i.test(error.message));

export const isTakenId = (error: unknown): boolean =>
  error instanceof PrismError && error.reason === 'ENTITY_ALREADY_EXISTS';

/** Whether the same call may be answered another time. */
export function mayPass(error: unknown): boolean {
  if (error instanceof PrismError)
    return TRY_AGAIN.includes(error.status) && (error.retryAfterSeconds ?? 0) <= RETRY_AFTER_MOST_SECONDS;
  return error instanceof PrismUnreachableError || error instanceof PrismTimeoutError;
}

const isCertificateFault = (code: string | undefined): boolean =>
  code !== undefined && /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(code);

/** Aborts when nobody stops it in time. */
class Countdown {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly reason: () => Error) {}

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  start(ms: number): void {
    this.stop();
    this.#timer = setTimeout(() => this.#controller.abort(this.reason()), ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Seconds, or a date. */
function retryAfter(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1_000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

/** Proxies in between answer in HTML, and a 401 may be empty. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
