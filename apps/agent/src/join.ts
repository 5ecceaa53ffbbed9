import { proofOf } from '@polyvirt/bus';
import { JoinedHost, type JoinHostInput, type Problem } from '@polyvirt/contracts';
import { Fault } from './fault.ts';
import type { Membership, State } from './state.ts';
import { post, trustBy, type Trust } from './trust.ts';

export interface JoinOptions {
  readonly url: string;
  readonly token: string;
  readonly caSha256?: string | undefined;
  readonly version: string;
}

export interface Joined {
  readonly membership: Membership;
  /** `again` is a host that this machine was already, with another key now; `before` one that had joined by this token. */
  readonly how: 'new' | 'again' | 'before';
}

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/** Joins; may be repeated with the same token, also when it was cut off. @throws Fault with what to do */
export async function join({ url, token, caSha256, version }: JoinOptions, state: State): Promise<Joined> {
  const gateway = addressOf(url);
  const tokenId = /^pvj_([0-9a-f]{32})\.[A-Za-z0-9_-]{43}$/.exec(token)?.[1];
  if (tokenId === undefined) throw new Fault('This is no join token. Copy the whole line that showed it.', 2);
  if (gateway.protocol === 'http:' && !loopback.test(gateway.hostname))
    throw new Fault(
      `Over http:// anybody on the way could take the token. Give ${gateway.host} TLS, or put a proxy with TLS in front of it.`,
      2,
    );
  const known = await state.joinedBy(tokenId);
  if (known) return { membership: known, how: 'before' };
  const trust: Trust = caSha256 === undefined ? {} : await trustBy(caSha256, gateway);
  const key = await state.keyFor(tokenId);
  const body: JoinHostInput = {
    token,
    publicKey: key.publicKey,
    proof: proofOf(key.seed, token),
    agentVersion: version,
  };
  const answer = await post(new URL('/api/v1/hosts/join', gateway), body, trust);
  if (answer.status !== 200) throw refusal(gateway, answer.body as Partial<Problem> | null);
  const joined = JoinedHost.parse(answer.body);
  requireSecureBus(joined);
  const how = (await state.hosts()).includes(joined.host) ? 'again' : 'new';
  return { membership: await state.keep(joined, { origin: gateway.origin, ca: trust.ca }, key, tokenId), how };
}

/** Commands and their answers are for nobody else to read or change. @throws Fault with what to do */
function requireSecureBus({ host, natsUrls, natsCa }: JoinedHost): void {
  const bare = natsUrls.find((url) => !url.startsWith('tls:') && !loopback.test(new URL(url).hostname));
  if (bare === undefined || natsCa !== undefined) return;
  throw new Fault(
    `The gateway names ${bare} as its nats-server, which is no TLS: whoever listens on the way would read and change commands. Give nats-server a certificate and the gateway POLYVIRT_NATS_CA, then run the line of \`polyvirt host rotate ${host}\` here.`,
    4,
  );
}

function addressOf(url: string): URL {
  try {
    const parsed = new URL(url);
    if (parsed.protocol === 'https:' || parsed.protocol === 'http:') return parsed;
  } catch {
    // Told below.
  }
  throw new Fault(`${JSON.stringify(url)} is no address of a gateway: https://polyvirt.example:8443.`, 2);
}

function refusal(gateway: URL, problem: Partial<Problem> | null): Fault {
  if (!problem?.detail) return new Fault(`What answers at ${gateway.origin} is no gateway of Polyvirt.`, 8);
  const retry = problem.retryable ? ' Run the same line again in a moment.' : '';
  return new Fault(
    `${problem.detail}${retry} (${problem.code}, request ${problem.requestId})`,
    problem.retryable ? 8 : 4,
  );
}
