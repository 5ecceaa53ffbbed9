import type { components } from './generated/schema.ts';
import { ApiProblem, problemIn } from './problem.ts';

type TokenPair = components['schemas']['TokenPair'];

/** Tokens of a session; whoever has them is the user. A browser's cookie keeps the refresh token to itself. */
export type SessionTokens = Pick<TokenPair, 'accessToken'> & Partial<Pick<TokenPair, 'refreshToken'>>;
type Answer = SessionTokens & Pick<TokenPair, 'expiresIn'>;

/** Runs a renewal while no other tab of the browser does: they share the cookie, and its token works once. */
export type Exclusively = <Result>(renew: () => Promise<Result>) => Promise<Result>;

export interface LogIn {
  readonly username: string;
  readonly password: string;
}

export interface SessionOptions {
  readonly url: string;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly logIn?: LogIn | undefined;
  readonly tokens?: SessionTokens | undefined;
  /** The browser keeps the refresh token in a cookie. */
  readonly cookie?: Exclusively | undefined;
  readonly onTokens?: ((tokens: SessionTokens | undefined) => void) | undefined;
}

/** An access token that has less left is renewed before it is used, in milliseconds. */
const renewBeforeMs = 30_000;

/**
 * Keeps a session alive: logs in when it has to, and trades the refresh token. Requests that find the access token
 * expired at the same time share one renewal, as a refresh token that is used twice ends the session.
 */
export class Session {
  readonly #options: SessionOptions;
  #tokens: SessionTokens | undefined;
  #renewAt = Infinity;
  #renewing: Promise<SessionTokens | undefined> | undefined;
  /** Whether the cookie may hold a session. */
  #kept = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#tokens = options.tokens;
  }

  /** The access token to use now; undefined when nobody is logged in. Throws an `ApiProblem` when logging in fails. */
  async accessToken(): Promise<string | undefined> {
    if (this.#tokens && Date.now() < this.#renewAt) return this.#tokens.accessToken;
    return (await this.#renew())?.accessToken;
  }

  /** Another access token than the one that was refused; undefined when there is none to be had. */
  async replacementOf(refused: string): Promise<string | undefined> {
    if (this.#tokens && this.#tokens.accessToken !== refused) return this.#tokens.accessToken;
    return (await this.#renew())?.accessToken;
  }

  /** Begins a session. The password is not kept. Throws an `ApiProblem`. */
  async logIn(credentials: LogIn): Promise<void> {
    const { cookie } = this.#options;
    this.#take(await this.#post<Answer>('login', { ...credentials, ...(cookie && { session: 'cookie' }) }));
  }

  /** Resumes the session of the cookie, if there is one. */
  async restore(): Promise<boolean> {
    this.#kept = this.#options.cookie !== undefined;
    return (await this.#renew()) !== undefined;
  }

  /** Forgets the session here, which another tab has ended. */
  forget(): void {
    this.#take(undefined);
  }

  /** Ends the session here and at the gateway. */
  async logOut(): Promise<void> {
    const tokens = this.#tokens;
    this.#take(undefined);
    if (tokens) await this.#post('logout', bodyOf(tokens));
  }

  #renew(): Promise<SessionTokens | undefined> {
    this.#renewing ??= this.#refreshOrLogIn().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #refreshOrLogIn(): Promise<SessionTokens | undefined> {
    const { logIn } = this.#options;
    const pair = (await this.#refresh()) ?? (logIn && (await this.#post<Answer>('login', logIn)));
    this.#take(pair);
    return pair;
  }

  async #refresh(): Promise<Answer | undefined> {
    if (!this.#tokens && !this.#kept) return undefined;
    const { cookie } = this.#options;
    try {
      const trade = () => this.#post<Answer>('refresh', bodyOf(this.#tokens));
      return await (cookie ? cookie(trade) : trade());
    } catch (error) {
      if (error instanceof ApiProblem && error.code === 'unauthenticated') return undefined;
      throw error;
    }
  }

  #take(pair: Answer | undefined): void {
    if (!pair) this.#kept = false;
    if (!pair && !this.#tokens) return;
    this.#tokens = pair;
    this.#renewAt = pair ? Date.now() + pair.expiresIn * 1_000 - renewBeforeMs : Infinity;
    const { accessToken, refreshToken } = pair ?? {};
    this.#options.onTokens?.(
      accessToken === undefined ? undefined : { accessToken, ...(refreshToken !== undefined && { refreshToken }) },
    );
  }

  async #post<Result>(what: string, body: object): Promise<Result> {
    const response = await this.#options.fetch(
      new Request(`${this.#options.url}/api/v1/auth/${what}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    );
    if (!response.ok) throw await problemIn(response);
    return (response.status === 204 ? undefined : await response.json()) as Result;
  }
}

const bodyOf = (tokens: SessionTokens | undefined): { refreshToken?: string } =>
  tokens?.refreshToken === undefined ? {} : { refreshToken: tokens.refreshToken };
