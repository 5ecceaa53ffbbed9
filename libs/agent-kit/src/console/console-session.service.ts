import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  ask,
  decodeFrame,
  encodeFrame,
  initialCreditBytes,
  listenToBytes,
  sendBytes,
  type Bus,
  type ConsoleFrame,
  type Listener,
} from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { openConsole, subjects } from '@polyvirt/contracts';
import { FakeHost } from '@polyvirt/hypervisor';
import { Duplex } from 'node:stream';
import { AgentBench, host } from '../testing/agent-bench.ts';
import { ConsoleSession } from './console-session.ts';

const session = 'a-session-of-ours-1';

describe('a console', () => {
  let bench: AgentBench;
  let frames: ConsoleFrame[];
  let listener: Listener;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    bench = await AgentBench.open();
    frames = [];
    listener = listenToBytes(bench.gateway, subjects.consoleDown(host, session), (bytes) =>
      frames.push(decodeFrame(bytes.slice())!),
    );
    await bench.gateway.connection.flush();
  });
  afterEach(async () => {
    listener.close();
    await bench.close();
  });

  const send = (frame: ConsoleFrame) => sendBytes(bench.gateway, subjects.consoleUp(host, session), encodeFrame(frame));
  const data = () => Buffer.concat(frames.map((frame) => (frame.kind === 'data' ? frame.bytes : new Uint8Array())));
  const lastReason = () => {
    const last = frames.at(-1);
    return last?.kind === 'end' ? last.reason : undefined;
  };

  describe('of a VM', () => {
    let fake: FakeHost;
    beforeEach(() => {
      fake = new FakeHost();
      fake.populate(2);
    });
    afterEach(() => fake.close());

    it('speaks RFB over the bus until the viewer ends it', async () => {
      await bench.startAgent({ host: fake });
      expect(await ask(bench.gateway, openConsole, host, { nativeId: 'vm-00001', session })).toEqual({
        protocol: 'rfb',
      });
      await eventually(() => expect(data().toString('latin1')).toBe('RFB 003.008\n'));
      send({ kind: 'data', bytes: Buffer.from('RFB 003.008\n') });
      await eventually(() => expect(data().subarray(12)).toEqual(Buffer.from([1, 1])));
      await expect(ask(bench.gateway, openConsole, host, { nativeId: 'vm-00001', session })).rejects.toMatchObject({
        code: 'invalid-input',
      });
      send({ kind: 'end', reason: 'The viewer went away.' });
      await eventually(() => expect(lastReason()).toBe('The viewer went away.'));
      await ask(bench.gateway, openConsole, host, { nativeId: 'vm-00001', session });
    });

    it('carries a terminal, which has one viewer: whoever comes next takes it over, and the first is told by whom', async () => {
      await bench.startAgent({ host: fake });
      const open = (name: string, by: string) =>
        ask(bench.gateway, openConsole, host, { nativeId: 'vm-00001', session: name, kind: 'text', by });
      expect(await open(session, 'ada')).toEqual({ protocol: 'text' });
      await eventually(() => expect(data().toString()).toContain('root@vm-00001:/# '));
      send({ kind: 'data', bytes: Buffer.from('echo a""b\r') });
      await eventually(() => expect(data().toString()).toContain('\r\nab\r\n'));
      const later = ['bob', 'eve'].map((by) => ({ by, session: `${by}-has-a-session-1`, ends: [] as string[] }));
      const listeners = later.map(({ session: name, ends }) =>
        listenToBytes(bench.gateway, subjects.consoleDown(host, name), (bytes) => {
          const frame = decodeFrame(bytes.slice());
          if (frame?.kind === 'end') ends.push(frame.reason);
        }),
      );
      await bench.gateway.connection.flush();
      // At once: one of them gets it from the other.
      await Promise.all(later.map((one) => open(one.session, one.by)));
      await eventually(() => expect(lastReason()).toMatch(/^(?:bob|eve) has taken this console over\.$/));
      await eventually(() => expect(later.flatMap(({ ends }) => ends)).toHaveLength(1));
      const loser = later.find(({ ends }) => ends.length > 0)!;
      const winner = later.find((one) => one !== loser)!;
      expect(loser.ends).toEqual([`${winner.by} has taken this console over.`]);
      // A screen beside it is another thing.
      await ask(bench.gateway, openConsole, host, { nativeId: 'vm-00001', session: 'a-screen-beside-1' });
      expect(winner.ends).toEqual([]);
      for (const listener of listeners) listener.close();
    });

    it('is refused with the problem of the driver', async () => {
      await bench.startAgent({ host: fake });
      await expect(ask(bench.gateway, openConsole, host, { nativeId: 'vm-00002', session })).rejects.toMatchObject({
        code: 'wrong-state',
      });
      await expect(ask(bench.gateway, openConsole, host, { nativeId: 'nope', session })).rejects.toMatchObject({
        code: 'vm-not-found',
      });
    });

    it('is refused with the reason of a host that has none', async () => {
      await bench.startAgent({ host: fake, without: { console: 'VNC is off.' } });
      await expect(ask(bench.gateway, openConsole, host, { nativeId: 'vm-00001', session })).rejects.toMatchObject({
        code: 'capability-missing',
        message: 'VNC is off.',
      });
    });

    it('of one kind is refused with the reason of a host that has the other only', async () => {
      await bench.startAgent({ host: fake, without: { 'console.text': 'There are no serial ports.' } });
      await ask(bench.gateway, openConsole, host, { nativeId: 'vm-00001', session });
      const text = { nativeId: 'vm-00001', session: 'another-session-1', kind: 'text' as const };
      await expect(ask(bench.gateway, openConsole, host, text)).rejects.toMatchObject({
        code: 'capability-missing',
        message: 'There are no serial ports.',
      });
    });

    it('ends with a sentence when the agent stops', async () => {
      const { agent } = await bench.startAgent({ host: fake });
      await ask(bench.gateway, openConsole, host, { nativeId: 'vm-00001', session });
      await agent.stop();
      await eventually(() => expect(lastReason()).toBe('The agent is stopping.'));
    });
  });

  describe('as a session', () => {
    let screen: Duplex;
    let written: Buffer[];
    let letWrite: (() => void)[];
    let joined: ConsoleSession;
    let bus: Bus;

    const join = async (times = { aliveEveryMs: 15_000, silentAfterMs: 45_000 }) => {
      bus = await bench.nats.connect(`agent-${host}`);
      joined = new ConsoleSession(bus, host, session, screen, times);
      await bus.connection.flush();
    };
    afterEach(async () => {
      joined.end('The test is over.');
      await bus.close();
    });

    beforeEach(() => {
      written = [];
      letWrite = [];
      screen = new Duplex({
        read: () => {},
        write: (chunk: Buffer, _encoding, done) => {
          written.push(chunk);
          letWrite.push(() => done());
        },
      });
    });

    it('sends no more than the viewer has given credit for', async () => {
      await join();
      const flood = Buffer.alloc(initialCreditBytes * 2, 'x');
      screen.push(flood);
      await eventually(() => expect(data().length).toBe(initialCreditBytes));
      await bus.connection.flush();
      expect(data().length).toBe(initialCreditBytes);
      expect(screen.isPaused()).toBe(true);
      send({ kind: 'credit', count: 100_000 });
      await eventually(() => expect(data().length).toBeGreaterThan(initialCreditBytes));
      expect(data().length).toBeLessThanOrEqual(initialCreditBytes + 100_000);
      send({ kind: 'credit', count: initialCreditBytes });
      await eventually(() => expect(data().length).toBe(flood.length));
      await eventually(() => expect(screen.isPaused()).toBe(false));
    });

    it('gives credit when the VM has taken what the viewer sent, and ends when the viewer sends more', async () => {
      await join();
      const part = Buffer.alloc(64 * 1_024);
      for (let sent = 0; sent < initialCreditBytes; sent += part.length) send({ kind: 'data', bytes: part });
      await eventually(() => expect(written).toHaveLength(1));
      expect(frames.filter(({ kind }) => kind === 'credit')).toEqual([]);
      letWrite.shift()!();
      await eventually(() => expect(frames).toContainEqual({ kind: 'credit', count: part.length }));
      send({ kind: 'data', bytes: part });
      send({ kind: 'data', bytes: part });
      await eventually(() => expect(lastReason()).toBe('The viewer sent more than it was allowed to.'));
      await joined.ended;
      expect(screen.destroyed).toBe(true);
    });

    it('says that it is there while the viewer is silent', async () => {
      await join({ aliveEveryMs: 10, silentAfterMs: 45_000 });
      await eventually(() => expect(frames.filter(({ kind }) => kind === 'alive').length).toBeGreaterThan(1));
      expect(lastReason()).toBeUndefined();
    });

    it('ends when the viewer is silent for too long', async () => {
      await join({ aliveEveryMs: 10, silentAfterMs: 1 });
      await eventually(() => expect(lastReason()).toBe('The viewer has been silent for too long.'));
      await joined.ended;
    });

    it('ends when the hypervisor closes the console', async () => {
      await join();
      screen.destroy(new Error('connection reset'));
      await eventually(() => expect(lastReason()).toBe('The console broke off: connection reset'));
      await joined.ended;
    });

    it('ends at what is no frame', async () => {
      await join();
      sendBytes(bench.gateway, subjects.consoleUp(host, session), Buffer.from([9]));
      await eventually(() => expect(lastReason()).toBe('The viewer sent something that is no frame.'));
    });
  });
});
