import { readFileSync } from 'node:fs';
import { askGateway, connectBus } from '@polyvirt/bus';
import { ProblemError } from '@polyvirt/contracts';
import { Fault } from './fault.ts';
import type { Membership, State } from './state.ts';

const connectWithinMs = 15_000;

/** Has the gateway remove the host, and forgets the key. Throws a `Fault` when no gateway answers, or it refuses. */
export async function leave({ host, natsUrls }: Membership, state: State, { force = false } = {}): Promise<void> {
  const caFile = state.natsCa(host);
  try {
    const bus = await connectBus({
      url: natsUrls.join(','),
      credentials: readFileSync(state.credentialsFile(host), 'utf8'),
      tls: caFile === undefined ? undefined : { caFile },
      name: `polyvirt-agent leave of ${host}`,
      signal: AbortSignal.timeout(connectWithinMs),
    });
    try {
      await askGateway(bus, host, 'leave', { force });
    } finally {
      await bus.close();
    }
  } catch (error) {
    const why =
      error instanceof ProblemError ? error.message : `The bus does not let it in: ${(error as Error).message}.`;
    throw new Fault(
      `${host} has not left. ${why} \`polyvirt host remove ${host}\` removes it from anywhere; \`polyvirt-agent leave --forget\` forgets it here alone.`,
      1,
      { cause: error },
    );
  }
  await state.forget(host);
}
