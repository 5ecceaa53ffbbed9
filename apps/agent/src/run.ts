import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { parseEnv } from 'node:util';
import type { Membership, State } from './state.ts';

/** Settings of the agent beside what it joined with: those of the file `agent.env` of its folder, under those of the environment. */
export function settingsOf(
  { host, natsUrls, gateway }: Membership,
  state: State,
  own: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const file = join(state.folderOf(host), 'agent.env');
  const natsCa = state.natsCa(host);
  return {
    POLYVIRT_GATEWAY_URL: gateway,
    ...(existsSync(file) && parseEnv(readFileSync(file, 'utf8'))),
    ...own,
    POLYVIRT_HOST_ID: host,
    POLYVIRT_NATS_URL: natsUrls.join(','),
    POLYVIRT_JOIN_PATH: state.folderOf(host),
    ...(natsCa !== undefined && { POLYVIRT_NATS_CA: natsCa }),
  };
}

/** Becomes the agent of the host, in this process, until it is told to stop. The drivers lie beside this program. */
export async function run(membership: Membership, state: State): Promise<void> {
  Object.assign(env, settingsOf(membership, state, env));
  // Of this program, and no setting of an agent, which knows all of its own.
  delete env['POLYVIRT_AGENT_STATE'];
  const ca = state.gatewayCa(membership.host);
  if (ca !== undefined) setDefaultCACertificates([...getCACertificates('default'), readFileSync(ca, 'utf8')]);
  await import(new URL(`./${membership.hypervisor}-agent.mjs`, import.meta.url).href);
}
