import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger as NestLog } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ensureTopology, isEvent, publishEvent, readEvents, type Bus, type BusService } from '@polyvirt/bus';
import { BusAccount, eventually, NatsServer, type Broker } from '@polyvirt/bus/testing';
import { archiveUpdated, consumers, streams, type CloudEvent } from '@polyvirt/contracts';
import { mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino, type Logger } from 'pino';
import 'reflect-metadata';
import { Archive } from './archive/archive.ts';
import { OrganizerModule } from './organizer.module.ts';
import { defaultPatience, Organizer } from './organizer.ts';
import { History, record, tree } from './testing/events.ts';

const services: BusService[] = [
  { service: 'gateway' },
  { service: 'organizer' },
  { service: 'agent', host: 'kvm-lab1' },
];

/** As in production, only sooner. */
const quick = { ...defaultPatience, firstDelayMs: 5, longestDelayMs: 50 };

describe('Organizer', () => {
  let folder: string;
  let root: string;
  let nats: Broker;
  let gateway: Bus;
  let agent: Bus;
  let end: AbortController;
  let logged: Array<{ level: number; msg: string }>;
  let logger: Logger;
  let stop: () => Promise<void>;
  let patience = quick;

  beforeEach(async () => {
    NestLog.overrideLogger(false);
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-organizer-'));
    root = join(folder, 'permanent_vms');
    end = new AbortController();
    logged = [];
    patience = quick;
    logger = pino({}, { write: (line: string) => void logged.push(JSON.parse(line)) });
    await open(await BusAccount.open(services));
    stop = async () => {};
  });

  const open = async (broker: Broker) => {
    nats = broker;
    [gateway, agent] = await Promise.all([nats.connect('gateway'), nats.connect('agent-kvm-lab1')]);
    await ensureTopology(gateway);
  };
  const close = async () => {
    await Promise.all([gateway.close(), agent.close()]);
    await nats[Symbol.asyncDispose]();
  };

  afterEach(async () => {
    end.abort();
    await stop();
    await close();
    await rm(folder, { recursive: true });
    NestLog.overrideLogger(['error']);
  });

  const start = async () => {
    const archive = await Archive.open(root, logger);
    const bus = await nats.connect('organizer');
    const module = OrganizerModule.of({ bus, archive, logger });
    const app = await NestFactory.createApplicationContext(module, { logger: false });
    app.get(Organizer).patience = patience;
    let running = true;
    stop = async () => {
      if (running) await app.close();
      running = false;
    };
  };

  const publish = (event: CloudEvent) => publishEvent(agent, 'kvm-lab1', event);

  const announcements = async (count: number) => {
    const found = [];
    for await (const { event } of readEvents(gateway, { fromSequence: 0, signal: end.signal })) {
      if (isEvent(archiveUpdated, event)) found.push(event);
      if (found.length === count) break;
    }
    return found;
  };

  const isDone = async () => {
    const { num_pending, num_ack_pending } = await gateway.manager.consumers.info(
      streams.events.name,
      consumers.organizer,
    );
    expect([num_pending, num_ack_pending]).toEqual([0, 0]);
  };

  it('archives what was published before it began and what comes after, and says so', async () => {
    const history = new History();
    await publish(history.add('vm.created', record()).event);
    await start();
    await publish(history.add('vm.started', record({ state: 'running' })).event);
    const [first, second] = await announcements(2);
    expect(first).toMatchObject({
      id: 'event-1:archived',
      type: 'archive.updated',
      source: '/hosts/kvm-lab1/organizer',
      subject: record().id,
      data: { archive: { folder: '2026-11-21_web-1', name: 'web-1', history: [{ event: 'vm.created' }] } },
    });
    expect(second!.data.archive.history.length).toBe(2);
    await eventually(isDone);
  });

  it('misses and repeats nothing over restarts of itself and of nats-server', async () => {
    await close();
    const own = await NatsServer.start({ services });
    await open(own);
    // So that what was not acknowledged when one of them died comes again soon.
    await gateway.manager.consumers.update(streams.events.name, consumers.organizer, { ack_wait: 500e6 });
    const history = new History();
    for (let index = 0; index < 4; index += 1) {
      const vm = record({ nativeId: `vm-${index}`, name: `vm-${index}` });
      for (const type of ['vm.created', 'vm.started', 'vm.stopped']) history.add(type, vm);
    }
    await start();
    for (const [index, { event }] of history.events.entries()) {
      const published = publish(event);
      if (index % 5 === 1) await own.restart();
      if (index % 5 === 3) {
        await stop();
        await start();
      }
      await published;
    }
    await eventually(isDone);
    expect((await announcements(12)).map(({ id }) => id)).toEqual(
      history.events.map(({ event }) => `${event.id}:archived`),
    );
    const archived = await tree(root);
    const other = await Archive.open(join(folder, 'replayed'), logger);
    let sequence = 0;
    for await (const stored of readEvents(gateway, { fromSequence: 0, signal: end.signal })) {
      if (stored.event.type.startsWith('vm.')) {
        await other.apply(stored);
        sequence += 1;
      }
      if (sequence === 12) break;
    }
    expect(await tree(other.root)).toEqual(archived);
  });

  it('waits, complaining, while it cannot write, and then goes on in order', async () => {
    patience = { firstDelayMs: 1, longestDelayMs: 5, mostTries: 2 };
    const history = new History();
    await start();
    await publish(history.add('vm.created', record()).event);
    await announcements(1);
    await rename(root, `${root}-full`);
    await writeFile(root, 'a file in the way');
    await publish(history.add('vm.started', record()).event);
    await publish(history.add('vm.stopped', record()).event);
    await eventually(() => {
      const complaints = logged.filter(({ level }) => level === 50);
      // More often than it would try an event that only one VM is at fault for.
      expect(complaints.length).toBeGreaterThan(patience.mostTries + 1);
      expect(complaints[0]!.msg).toMatch(/^Could not archive; trying again\./);
    });
    await rm(root);
    await rename(`${root}-full`, root);
    const last = (await announcements(3)).at(-1)!;
    expect(last.data.archive.history.map(({ event }) => event)).toEqual(['vm.created', 'vm.started', 'vm.stopped']);
    await eventually(isDone);
  });

  it('passes over an event that is not valid, with a line in the log', async () => {
    const history = new History();
    await start();
    const broken = history.add('vm.created', record()).event;
    await publish({ ...broken, data: { vm: 'none' } });
    await publish(history.add('vm.created', record({ name: 'good' })).event);
    await announcements(1);
    await eventually(isDone);
    expect(await readdir(root)).toEqual(['2026-11-21_good']);
    expect(logged.map(({ msg }) => msg)).toContain('Passed over an event that is not valid.');
  });

  it('passes over the events of a VM whose folder cannot be kept, and takes them up when it can', async () => {
    patience = { ...quick, mostTries: 3 };
    const history = new History();
    await start();
    const [odd, good] = [record({ nativeId: 'odd', name: 'odd' }), record({ nativeId: 'good', name: 'good' })];
    await publish(history.add('vm.created', odd).event);
    await announcements(1);
    const inTheWay = join(root, '2026-11-21_odd/README.md');
    await rm(inTheWay);
    await mkdir(inTheWay);
    await publish(history.add('vm.started', { ...odd, state: 'running' }).event);
    await publish(history.add('vm.created', good).event);
    await publish(history.add('vm.stopped', odd).event);
    await publish(history.add('vm.started', { ...good, state: 'running' }).event);
    await eventually(isDone);
    const complaints = logged.filter(({ level }) => level === 50).map(({ msg }) => msg.split(/[;,]/)[0]);
    const passedOver = 'Passed over an event that cannot be archived';
    expect(complaints).toEqual(['Could not archive', 'Could not archive', passedOver, passedOver]);
    await rmdir(inTheWay);
    await publish(history.add('vm.reconfigured', odd).event);
    const told = await announcements(4);
    expect(told.map(({ subject, data }) => `${subject} ${data.archive.history.at(-1)!.event}`)).toEqual([
      'kvm-lab1~odd vm.created',
      'kvm-lab1~good vm.created',
      'kvm-lab1~good vm.started',
      'kvm-lab1~odd vm.reconfigured',
    ]);
  });
});
