import { connectBus, type Bus } from '@polyvirt/bus';
import { buckets } from '@polyvirt/contracts';
import { FakeDriver, type FakeDriverOptions } from '@polyvirt/hypervisor';
import { runAgent } from '../run-agent.ts';
import type { AgentConfig } from '../settings.ts';

/** What the process is started with, as JSON in its first argument. */
export interface AgentProcessOptions {
  readonly config: AgentConfig;
  readonly driver: FakeDriverOptions;
}

/** Tells the process at which of its next writes to the bus it is to die: before the bus has it, or when it has. */
export interface KillOrder {
  readonly write: number;
  readonly moment: 'before' | 'after';
}

type Publish = Bus['jetstream']['publish'];

let order: KillOrder | undefined;
let writes = 0;

const { config, driver } = JSON.parse(process.argv[2]!) as AgentProcessOptions;

/** What decides and tells operations and VMs; the record of the host comes on a beat and would make counts random. */
const counts = (subject: string) =>
  (subject.includes('.event.') && !subject.includes('.host.')) ||
  subject.startsWith(`$KV.${buckets.journal.name}.`) ||
  subject.startsWith(`$KV.${buckets.inventory.name}.`);

const die = () => {
  process.kill(process.pid, 'SIGKILL');
  return new Promise<never>(() => undefined);
};

/** Everything that an agent stores goes through this one method of the client. */
async function dieOnOrder(): Promise<void> {
  const { natsUrl: url, natsUser: user, natsPassword: password } = config;
  const spare = await connectBus({ url, user, password, name: 'spare' });
  const client = Object.getPrototypeOf(spare.jetstream) as { publish: Publish };
  const publish = client.publish;
  client.publish = async function (this: Bus['jetstream'], subject, ...rest) {
    const isOrdered = order !== undefined && counts(subject) && (writes += 1) === order.write;
    if (isOrdered && order?.moment === 'before') return die();
    const stored = await publish.call(this, subject, ...rest);
    return isOrdered ? die() : stored;
  };
  await spare.close();
}

process.on('message', (message: KillOrder) => {
  order = message;
  writes = 0;
  process.send?.('ordered');
});

await dieOnOrder();
await runAgent({ driver: new FakeDriver(driver), config, version: '0.0.0' });
process.send?.('ready');
