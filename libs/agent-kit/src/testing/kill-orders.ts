import { flushCompileCache } from 'node:module';
import { connectBus, type Bus } from '@polyvirt/bus';
import { buckets } from '@polyvirt/contracts';
import type { AgentConfig } from '../settings.ts';

/** Tells a process at which of its next writes to the bus it is to die: before the bus has it, or when it has. */
export interface KillOrder {
  readonly write: number;
  readonly moment: 'before' | 'after';
}

type Publish = Bus['jetstream']['publish'];

let order: KillOrder | undefined;
let writes = 0;

/** What decides and tells operations and VMs; the record of the host comes on a beat and would make counts random. */
const counts = (subject: string) =>
  (subject.includes('.event.') && !subject.includes('.host.')) ||
  subject.startsWith(`$KV.${buckets.journal.name}.`) ||
  subject.startsWith(`$KV.${buckets.inventory.name}.`);

const die = () => {
  process.kill(process.pid, 'SIGKILL');
  return new Promise<never>(() => undefined);
};

/** Has this process obey the kill orders that its parent sends it. To be called before the agent of the process begins. */
export async function obeyKillOrders({ natsUrl: url, natsCredentials: credentials }: AgentConfig): Promise<void> {
  // Who is killed writes down nothing at its end, and the next one would compile everything anew.
  flushCompileCache();
  process.on('message', (message: KillOrder) => {
    order = message;
    writes = 0;
    process.send?.('ordered');
  });
  // Everything that an agent stores goes through this one method of the client.
  const spare = await connectBus({ url, credentials, name: 'spare' });
  const client = Object.getPrototypeOf(spare.jetstream) as { publish: Publish };
  const publish = client.publish;
  client.publish = async function (this: Bus['jetstream'], subject, ...rest) {
    const isTime = () => writes === order?.write;
    if (!counts(subject)) return publish.call(this, subject, ...rest);
    if (order?.moment === 'before') {
      writes += 1;
      if (isTime()) return die();
    }
    const stored = await publish.call(this, subject, ...rest);
    if (order?.moment === 'after') {
      // One that the bus refuses, the journal entry of a command that came twice, is no write.
      writes += 1;
      if (isTime()) return die();
    }
    return stored;
  };
  await spare.close();
}
