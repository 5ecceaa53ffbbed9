import { timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Prism } from '../prism.ts';
import { SESSION_COOKIES } from './sessions.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

type Verdict = 'ok' | 'unauthenticated' | 'forbidden';

const equal = (a: string, b: string): boolean => {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
};

function cookiesOf(header: string | undefined): Record<string, string> {
  return Object.fromEntries(
    (header ?? '').split(';').flatMap((part) => {
      const at = part.indexOf('=');
      return at < 0 ? [] : [[part.slice(0, at).trim(), part.slice(at + 1).trim()]];
    }),
  );
}

export class Authentication {
  private basicInFlight = 0;

  constructor(
    private readonly prism: Prism,
    private readonly credentials: Credentials,
  ) {}

  /** Counts the Basic logins under way, for those that come at the same time are the ones that fail. */
  arrives(request: FastifyRequest, reply: FastifyReply): void {
    if (request.headers.authorization === undefined) return;
    this.basicInFlight++;
    reply.raw.once('close', () => this.basicInFlight--);
  }

  /** Judges a request by API key, Basic login or session cookie, in this order. A Basic login is answered with a session. */
  judge(request: FastifyRequest, reply: FastifyReply): Verdict {
    const { knobs, sessions } = this.prism;
    const key = request.headers['x-ntnx-api-key'];
    if (typeof key === 'string') return knobs.get('auth.apiKeys').includes(key) ? 'ok' : 'unauthenticated';
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const verdict = this.basic(authorization);
      if (verdict === 'ok') this.sendSession(reply);
      return verdict;
    }
    const cookies = cookiesOf(request.headers.cookie);
    const now = this.prism.clock.now();
    const valid = SESSION_COOKIES.some((name) => {
      const token = cookies[name];
      return token !== undefined && sessions.userOf(token, now) !== undefined;
    });
    return valid ? 'ok' : 'unauthenticated';
  }

  accepts({ username, password }: Credentials): boolean {
    return equal(username, this.credentials.username) && equal(password, this.credentials.password);
  }

  sendSession(reply: FastifyReply, names: readonly string[] = this.cookieNames()): void {
    const { token, expiresAt } = this.prism.sessions.issue(this.credentials.username, this.prism.clock.now());
    const expires = new Date(expiresAt).toUTCString();
    reply.header(
      'set-cookie',
      names.map((name) => `${name}=${token}; Expires=${expires}; Path=/; Secure; HttpOnly; SameSite=Lax`),
    );
  }

  private cookieNames(): string[] {
    return this.prism.knobs.get('auth.iamCookie') ? ['NTNX_IGW_SESSION', 'NTNX_IAM_SESSION'] : ['NTNX_IGW_SESSION'];
  }

  private basic(authorization: string): Verdict {
    const [scheme, encoded = ''] = authorization.split(' ');
    if (scheme?.toLowerCase() !== 'basic') return 'unauthenticated';
    const text = Buffer.from(encoded, 'base64').toString();
    const at = text.indexOf(':');
    if (at < 0 || !this.accepts({ username: text.slice(0, at), password: text.slice(at + 1) }))
      return 'unauthenticated';
    const flaky = this.basicInFlight > 1 && Math.random() < this.prism.knobs.get('auth.basicFailureRate');
    return flaky ? (Math.random() < 0.5 ? 'unauthenticated' : 'forbidden') : 'ok';
  }
}
