import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import proxyAddr from '@fastify/proxy-addr';

/** What is known of a caller before anything of the request is believed. */
export interface Connection {
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

type Trust = (address: string, hop: number) => boolean;

/** Which addresses are of proxies that the setting names; false if it names none. Fastify finds `request.ip` by it. */
export function trustedProxies(setting: string | undefined): Trust | false {
  return setting === undefined ? false : proxyAddr.compile(setting.split(',').map((one) => one.trim()));
}

/** The address of a caller where there is no request of Fastify. It is the one that Fastify would find. */
export function callerAddresses(setting: string | undefined): (connection: Connection) => string {
  const trust = trustedProxies(setting) || (() => false);
  return (connection) => proxyAddr(connection as IncomingMessage, trust);
}
