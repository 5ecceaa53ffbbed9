import type { components } from './generated/schema.ts';
import { ApiProblem, problemIn } from './problem.ts';

type TokenPair = components['schemas']['TokenPair'];

/** Tokens of a session; whoever has them is the user. */
export type SessionTokens = Pick<TokenPair, 'accessToken' | 'refreshToken'>;

export interface LogIn {
  readonly username: string;
  readonly password: string;
}

export interface SessionOptions {
  readonly url: string;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly logIn?: LogIn | undefined;
  readonly tokens?: SessionTokens | undefined;
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
    this.#take(await this.#post<TokenPair>('login', credentials));
  }

  /** Ends the session here and at the gateway. */
  async logOut(): Promise<void> {
    const tokens = this.#tokens;
    this.#take(undefined);
    if (tokens) await this.#post('logout', { refreshToken: tokens.refreshToken });
  }

  #renew(): Promise<SessionTokens | undefined> {
    this.#renewing ??= this.#refreshOrLogIn().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #refreshOrLogIn(): Promise<SessionTokens | undefined> {
    const { logIn } = this.#options;
    const pair = (await this.#refresh()) ?? (logIn && (await this.#post<TokenPair>('login', logIn)));
    this.#take(pair);
    return pair;
  }

  async #refresh(): Promise<TokenPair | undefined> {
    if (!this.#tokens) return undefined;
    try {
      return await this.#post<TokenPair>('refresh', { refreshToken: this.#tokens.refreshToken });
    } catch (error) {
      if (error instanceof ApiProblem && error.code === 'unauthenticated') return undefined;
      throw error;
    }
  }

  #take(pair: TokenPair | undefined): void {
    if (!pair && !this.#tokens) return;
    this.#tokens = pair;
    this.#renewAt = pair ? Date.now() + pair.expiresIn * 1_000 - renewBeforeMs : Infinity;
    this.#options.onTokens?.(pair && { accessToken: pair.accessToken, refreshToken: pair.refreshToken });
  }

  async #post<Answer>(what: string, body: object): Promise<Answer> {
    const response = await this.#options.fetch(
      new Request(`${this.#options.url}/api/v1/auth/${what}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    );
    if (!response.ok) throw await problemIn(response);
    return (response.status === 204 ? undefined : await response.json()) as Answer;
  }
}
