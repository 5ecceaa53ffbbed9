import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectBus, ensureTopology, openBucket, type Bus } from '@polyvirt/bus';
import { buckets, commandConsumer, consumers, keys, streams } from '@polyvirt/contracts';
import { z } from 'zod';
import { startNats, type NatsServer } from '../machine/nats.ts';
import { prepareBus, type StackBus } from './bus.ts';
import { layoutOf, type Layout } from './layout.ts';
import { migrateBus, TwoStates } from './migrate-bus.ts';
import { Secrets } from './secrets.ts';
import { servicesFor } from './services.ts';

/**
 * Recorded with the last version that had a user and a password for each service: five events, of which the organizer had
 * dealt with the first of two about VMs; two commands, of which the agent had been given the first and acknowledged none;
 * two records of VMs, one of the host, one entry of the journal. Its streams have no age, or all that would be gone by now.
 */
const recorded = new URL('testing/data-folder-with-passwords.tar.gz', import.meta.url).pathname;

describe('a data folder from before there were accounts', () => {
  let folder: string;
  let layout: Layout;
  let secrets: Secrets;
  let bus: StackBus;
  let server: NatsServer | undefined;
  const buses: Bus[] = [];
  const said: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-migrate-'));
    await promisify(execFile)('tar', ['-xzf', recorded, '-C', folder]);
    layout = layoutOf(folder);
    secrets = await Secrets.open(layout.secrets);
    said.length = 0;
    bus = await prepareBus(servicesFor({ hosts: ['kvm', 'vmware', 'nutanix'], products: {} }), secrets, layout);
  });
  afterEach(async () => {
    for (const one of buses.splice(0)) await one.close();
    await server?.stop();
    server = undefined;
    await rm(folder, { recursive: true });
  });

  const migrate = () => migrateBus(layout, bus.coreAccount, (line) => said.push(line));
  const start = async () => {
    server = await startNats({ dataDir: layout.nats, config: bus.config });
  };
  const connect = async (service: string): Promise<Bus> => {
    const credentials = await readFile(secrets.fileOf(`nats-${service}.creds`), 'utf8');
    const one = await connectBus({ url: server!.url, credentials, name: service });
    buses.push(one);
    return one;
  };

  it('keeps everything that was on the bus, and its place in it', async () => {
    await migrate();
    await start();
    const admin = await connect('admin');
    const info = async (stream: string) => (await admin.manager.streams.info(stream)).state.messages;
    expect(await info(streams.events.name)).toBe(5);
    expect(await info(streams.commands.name)).toBe(2);
    const organizer = await admin.manager.consumers.info(streams.events.name, consumers.organizer);
    expect([organizer.num_pending, organizer.ack_floor.stream_seq]).toEqual([1, 4]);

    const agent = await connect('kvm-agent');
    const commands = await agent.jetstream.consumers.get(streams.commands.name, commandConsumer('kvm-local'));
    expect((await commands.info()).num_ack_pending + (await commands.info()).num_pending).toBe(2);
    // Nobody else has it in hand any more: it comes again when the time to acknowledge it is over.
    const delivered = [(await commands.next())!, (await commands.next({ expires: 30_000 }))!];
    expect(delivered.map((message) => message.json<{ operationId: string }>().operationId).sort()).toEqual([
      '0193d5a0-0000-7000-8000-000000000001',
      '0193d5a0-0000-7000-8000-000000000002',
    ]);
    const journal = openBucket(admin, buckets.journal, z.unknown());
    const begun = keys.journal('kvm-local', '0193d5a0-0000-7000-8000-000000000001');
    expect((await journal.get(begun))?.value).toEqual({ begun: true });

    await ensureTopology(await connect('gateway'));
    // The agent finds its records, without the right to ask what there is.
    const inventory = openBucket(agent, buckets.inventory, z.object({ name: z.string() }), { host: 'kvm-local' });
    expect((await inventory.entries('kvm-local.*')).map(({ value }) => value.name)).toEqual(['vm-1', 'vm-2']);
  });

  it('loses its passwords, and nothing more when it is started again', async () => {
    await migrate();
    expect(said).toHaveLength(1);
    await migrate();
    expect(said).toHaveLength(1);
    const names = await readdir(layout.secrets);
    expect(names.filter((name) => name.startsWith('nats-') && !name.endsWith('.creds')).sort()).toEqual([
      'nats-operator-key',
      'nats-signing-key',
    ]);
    // Of a stack that runs on it from now on, the accounts and keys are the same at each start.
    const again = await prepareBus(servicesFor({ hosts: ['kvm', 'vmware', 'nutanix'], products: {} }), secrets, layout);
    expect(again.coreAccount).toBe(bus.coreAccount);
  });

  it('is not touched when an older version has run on it since', async () => {
    await migrate();
    await mkdir(join(layout.nats, 'jetstream/$G'));
    await expect(migrate()).rejects.toThrow(TwoStates);
    expect(existsSync(join(layout.nats, 'jetstream/$G'))).toBe(true);
  });
});
