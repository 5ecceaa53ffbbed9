import { gunzipSync } from 'node:zlib';
import type { Dictionary } from '../dictionary/dictionary.ts';

/** What the simulated guest takes from cloud-init's VMware datasource. */
export interface CloudInit {
  hostName?: string;
  address?: string;
}

/** Reads `guestinfo.metadata` (YAML or JSON): the host name, and the first static address of the network part. */
export function cloudInitOf(configuration: Dictionary): CloudInit {
  const metadata = decoded(configuration, 'metadata');
  if (metadata === undefined) return {};
  const hostName = /(?:^|[\s{,"])(?:local-hostname|local_hostname)"?\s*:\s*"?([A-Za-z0-9.-]+)/.exec(metadata)?.[1];
  const network = networkPart(metadata);
  const address = /addresses"?\s*:\s*\[?\s*-?\s*["']?(\d+\.\d+\.\d+\.\d+)/.exec(network)?.[1];
  return { ...(hostName && { hostName }), ...(address && { address }) };
}

/** The network configuration may itself be encoded: `network: <text>` with `network.encoding: base64`. */
function networkPart(metadata: string): string {
  const encoding = /network\.encoding"?\s*:\s*"?([a-z0-9+]+)/.exec(metadata)?.[1];
  const encoded = /(?:^|[\s{,"])network"?\s*:\s*"?([A-Za-z0-9+/=]{8,})/.exec(metadata)?.[1];
  return encoding && encoded ? decode(encoded, encoding) : metadata;
}

function decoded(configuration: Dictionary, name: string): string | undefined {
  const value = configuration.get(`guestinfo.${name}`);
  return value === undefined ? undefined : decode(value, configuration.get(`guestinfo.${name}.encoding`) ?? '');
}

function decode(value: string, encoding: string): string {
  if (/^(b64|base64)$/i.test(encoding)) return Buffer.from(value, 'base64').toString('utf8');
  if (/^(gz\+b64|gzip\+base64)$/i.test(encoding)) return gunzipSync(Buffer.from(value, 'base64')).toString('utf8');
  return value;
}
