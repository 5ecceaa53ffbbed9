import { isIP } from 'node:net';
import { ProblemError } from '@polyvirt/contracts';
import type { FastifyInstance } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import type { TlsFiles } from './tls.ts';

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/;

/** Whether an address, as settings and URLs have it, is one that only this machine reaches. */
export const isLoopback = (address: string): boolean => loopback.test(address);

/** Why the gateway must not listen as it is told to, in a sentence; undefined when it may. */
export function exposureFault({ listen, tlsCert, trustProxy }: GatewayConfig): string | undefined {
  if (isLoopback(listen) || tlsCert !== undefined || trustProxy !== undefined) return undefined;
  return (
    `POLYVIRT_LISTEN=${listen} opens the API to other machines, over plain HTTP: passwords and tokens could be read on the way. ` +
    'Give the gateway a certificate by POLYVIRT_TLS_CERT and POLYVIRT_TLS_KEY, or name the proxy that has TLS in front of it by ' +
    'POLYVIRT_TRUST_PROXY (docs/behind-a-proxy.md).'
  );
}

/** Whether a request may call the gateway by the name in its Host header; it has one, but in HTTP 1.0. */
export type NameTest = (header: string | undefined) => boolean;

/**
 * By which names a request may call the gateway: a page of another name that an attacker lets point here is no page of ours. Numbers
 * and names without a full stop, which only the own network knows, are nobody's to point here. Behind a proxy without
 * POLYVIRT_HOST_NAMES the proxy decides.
 */
export function nameTest({ hostNames, publicUrl, trustProxy }: GatewayConfig, tls: TlsFiles | undefined): NameTest {
  if (hostNames === undefined && trustProxy !== undefined) return () => true;
  const known = new Set(
    [...(hostNames ?? []), ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname])].map((name) =>
      name.toLowerCase(),
    ),
  );
  return (header = '') => {
    const name = nameIn(header).toLowerCase();
    return isIP(name) !== 0 || !name.includes('.') || known.has(name) || tls?.isFor(name) === true;
  };
}

/** The host of a Host header, without its port, brackets and last full stop. */
const nameIn = (header: string): string => header.replace(/:\d+$/, '').replace(/^\[|\]$|\.$/g, '');

/** Refuses requests by another name, at the port of the API; that of the earlier programs knows its callers by their networks. */
export function requireName(server: FastifyInstance, isOurs: NameTest): void {
  server.addHook('onRequest', (request, _reply, done) => {
    const { socket, headers } = request.raw;
    const { server: listener } = socket as { server?: unknown };
    const isOther = listener !== undefined && listener !== server.server;
    if (isOther || isOurs(headers.host)) done();
    else
      done(
        new ProblemError(
          'invalid-input',
          `This gateway does not go by the name ${nameIn(headers.host!).slice(0, 253)}. POLYVIRT_HOST_NAMES lists those it goes by.`,
        ),
      );
  });
}
