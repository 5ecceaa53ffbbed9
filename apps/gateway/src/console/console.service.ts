import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { initialCreditBytes } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import {
  ConsoleTicket,
  type AuditRecord,
  type ConsoleKind,
  type CreatedToken,
  type Host,
  type Page,
  type Problem,
} from '@polyvirt/contracts';
import { WebSocket } from 'ws';
import { SessionEntity } from '../auth/session.entity.ts';
import { Database } from '../database/database.ts';
import { allCapabilities, type FakeAgent } from '../testing/fake-agent.ts';
import type { SignedUp } from '../testing/test-gateway.ts';
import { TestHouse } from '../testing/test-house.ts';

const noText = 'It has no serial port.';
const withoutText = {
  ...allCapabilities,
  console: { available: true, features: { text: { available: false, reason: noText } } },
};

describe('the console of a VM', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let other: FakeAgent;
  let address: string;
  let count = 0;
  let nativeId: string;
  let id: string;

  beforeAll(async () => {
    // Whoever loses their right is noticed by the change, and not because somebody looks in between.
    house = await TestHouse.start({ hosts: ['kvm-a', 'kvm-b'], times: { consoleVerifyMs: 3_600_000 } });
    agent = await house.startAgent('kvm-a');
    other = await house.startAgent('kvm-b', { capabilities: withoutText });
    for (const host of ['kvm-a', 'kvm-b'])
      await eventually(async () => expect((await house.call<Host>('GET', `/hosts/${host}`)).body.state).toBe('ready'));
    await house.gateway.app.listen(0, '127.0.0.1');
    address = (await house.gateway.app.getUrl()).replace('http', 'ws');
  });
  afterAll(() => house.stop());

  beforeEach(async () => {
    nativeId = `vm-${(count += 1)}`;
    id = `kvm-a~${nativeId}`;
    await agent.show(nativeId, { state: 'running' });
    await eventually(async () => expect((await house.call('GET', `/vms/${id}`)).status).toBe(200));
  });

  const ticket = async (kind: ConsoleKind = 'graphic') => {
    const { status, body } = await house.call<ConsoleTicket>('POST', `/vms/${id}/console`, { kind });
    expect(status).toBe(201);
    return ConsoleTicket.parse(body);
  };
  it('is the kind that was asked for, or refused with the reason of the host', async () => {
    const ask = (body: object, vmId = id) => house.call<Problem & ConsoleTicket>('POST', `/vms/${vmId}/console`, body);
    expect((await ask({})).body.protocol).toBe('rfb');
    expect((await ask({ kind: 'graphic' })).body.protocol).toBe('rfb');
    expect((await ask({ kind: 'text' })).body.protocol).toBe('text');
    expect((await ask({ kind: 'smell' })).body).toMatchObject({
      code: 'invalid-input',
      errors: [{ pointer: '/kind' }],
    });
    expect((await ask({ colour: 'red' })).body).toMatchObject({ errors: [{ pointer: '/colour' }] });
    await other.show(nativeId, { state: 'running' });
    const elsewhere = `kvm-b~${nativeId}`;
    await eventually(async () => expect((await house.call('GET', `/vms/${elsewhere}`)).status).toBe(200));
    expect((await ask({ kind: 'text' }, elsewhere)).body).toMatchObject({ code: 'capability-missing', detail: noText });
  });

  /** A viewer, and the agent's side of its session. */
  const open = async (kind?: ConsoleKind) => {
    const known = agent.consoles.get(nativeId);
    const viewer = new WebSocket(address + (await ticket(kind)).url, { protocol: 'binary' });
    await once(viewer, 'open');
    const session = await eventually(() => {
      const latest = agent.consoles.get(nativeId);
      expect(latest).toBeDefined();
      expect(latest).not.toBe(known);
      return latest!;
    });
    return { viewer, session };
  };
  const leave = async (viewer: WebSocket) => {
    viewer.close();
    await once(viewer, 'close');
  };
  const refusal = async (url: string) => {
    const socket = new WebSocket(address + url);
    const [, response] = (await once(socket, 'unexpected-response')) as [
      unknown,
      NodeJS.ReadableStream & { statusCode: number },
    ];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode, code: (JSON.parse(text) as Problem).code };
  };

  it('carries bytes both ways', async () => {
    const { viewer, session } = await open();
    const greeted = once(viewer, 'message');
    session.say(Buffer.from('RFB 003.008\n'));
    const [greeting] = (await greeted) as [Buffer];
    expect(greeting.toString()).toBe('RFB 003.008\n');
    viewer.send(Buffer.from('RFB 003.008\n'));
    await eventually(() => expect(Buffer.concat(session.heard).toString()).toBe('RFB 003.008\n'));
    viewer.close();
    await eventually(() => expect(session.ended).toBe('The viewer has left.'));
  });

  it('of text is opened as such, in the name of whoever opens it, and takes what is typed in any frame', async () => {
    const { viewer, session } = await open('text');
    expect(session.asked).toMatchObject({ nativeId, kind: 'text', by: 'admin' });
    viewer.send('ls');
    viewer.send(JSON.stringify({ columns: 80, rows: 24 }));
    viewer.send(Buffer.from('\r{"columns":80,"rows":24}'));
    // A serial line has no size that somebody could tell the guest; a program that says one types nothing.
    await eventually(() => expect(Buffer.concat(session.heard).toString()).toBe('ls\r{"columns":80,"rows":24}'));
    await leave(viewer);
  });

  it('has no ticket of a kind that the VM has nothing for', async () => {
    await agent.show(nativeId, { state: 'running', serialPort: false });
    await eventually(async () => {
      const { status, body } = await house.call<Problem>('POST', `/vms/${id}/console`, { kind: 'text' });
      expect({ status, body }).toMatchObject({ status: 502, body: { code: 'host-rejected' } });
      expect(body.detail).toContain('no serial port');
    });
    expect((await ticket('graphic')).protocol).toBe('rfb');
  });

  it('is an act that the audit has, from its opening to its end', async () => {
    const { viewer } = await open();
    await leave(viewer);
    await eventually(async () => {
      const { items } = (await house.call<Page<AuditRecord>>('GET', `/audit?target=kvm-a~${nativeId}&limit=2`)).body;
      expect(items.map(({ actor, action, address }) => `${actor} ${action} ${address}`)).toEqual([
        'admin console.close 127.0.0.1',
        'admin console.open 127.0.0.1',
      ]);
    });
  });

  it('goes no faster than the slower side', async () => {
    const { viewer, session } = await open();
    // The agent gives no credit yet, so no more than the first allowance may reach it.
    session.givesCredit = false;
    const chunk = Buffer.alloc(64 * 1_024, 1);
    for (let n = 0; n < 32; n++) viewer.send(chunk);
    await eventually(() => expect(session.heardBytes).toBe(initialCreditBytes));
    session.giveCredit();
    await eventually(() => expect(session.heardBytes).toBe(32 * chunk.length));
    // The other way, each side of the socket gives credit for what it has passed on.
    for (let n = 0; n < 8; n++) session.say(chunk);
    await eventually(() => expect(session.credit).toBe(8 * chunk.length));
    await leave(viewer);
  });

  it('opens once for a ticket, and never for one that is made up', async () => {
    const { url } = await ticket();
    const viewer = new WebSocket(address + url);
    await once(viewer, 'open');
    expect(await refusal(url)).toEqual({ status: 404, code: 'console-not-found' });
    expect(await refusal('/api/v1/console?ticket=made-up')).toEqual({ status: 404, code: 'console-not-found' });
    expect(await refusal('/api/v1/console')).toEqual({ status: 404, code: 'console-not-found' });
    await leave(viewer);
  });

  it('has no ticket for a VM without a display', async () => {
    await agent.show(nativeId, { state: 'running', display: false });
    const body = await eventually(async () => {
      const answer = await house.call<Problem>('POST', `/vms/${id}/console`);
      expect(answer.status).toBe(502);
      return answer.body;
    });
    expect(body).toMatchObject({ code: 'host-rejected', detail: expect.stringContaining('no display') });
  });

  it('closes with a reason when the VM is powered off, and does not open then', async () => {
    const { viewer, session } = await open();
    const late = await ticket();
    const closed = once(viewer, 'close');
    await agent.show(nativeId, { state: 'stopped' });
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1000, 'The VM is stopped.']);
    // The agent is told on another way than the viewer.
    await eventually(() => expect(session.ended).toBe('The VM is stopped.'));
    expect(await refusal(late.url)).toEqual({ status: 409, code: 'wrong-state' });
    const refused = await house.call<Problem>('POST', `/vms/${id}/console`);
    expect(refused.body.code).toBe('wrong-state');
  });

  it('closes when the agent ends it', async () => {
    const { viewer, session } = await open();
    const closed = once(viewer, 'close');
    session.end('The console was closed by the hypervisor.');
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1011, 'The console was closed by the hypervisor.']);
  });

  describe('that somebody else than the admin looks at', () => {
    interface Owner extends SignedUp {
      /** What they show: a token of their session, or an API token. */
      readonly credential: string;
      readonly tokenId?: string;
    }

    const admin = (method: string, path: string, body?: unknown) => house.call(method, path, body);
    const signIn = async (by: 'session' | 'API token'): Promise<Owner> => {
      const user = await house.gateway.signUp('operator');
      if (by === 'session') return { ...user, credential: user.token };
      const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
      const made = await house.gateway.call<CreatedToken>('POST', '/api/v1/tokens', {
        token: user.token,
        body: { name: 'ci', scopes: ['vm:read', 'vm:console'], expiresAt },
      });
      return { ...user, credential: made.body.secret, tokenId: made.body.id };
    };
    const ticketOf = async ({ credential }: Owner) => {
      const asked = { token: credential };
      const { body } = await house.gateway.call<ConsoleTicket>('POST', `/api/v1/vms/${id}/console`, asked);
      return ConsoleTicket.parse(body).url;
    };

    it.each([
      ['session', 'is disabled', ({ id }: Owner) => admin('PATCH', `/users/${id}`, { disabled: true })],
      ['session', 'is deleted', ({ id }: Owner) => admin('DELETE', `/users/${id}`)],
      ['session', 'loses the permission', ({ id }: Owner) => admin('PATCH', `/users/${id}`, { role: 'viewer' })],
      [
        'session',
        'logs out',
        ({ credential, refreshToken }: Owner) =>
          house.gateway.call('POST', '/api/v1/auth/logout', { token: credential, body: { refreshToken } }),
      ],
      ['API token', 'is disabled', ({ id }: Owner) => admin('PATCH', `/users/${id}`, { disabled: true })],
      ['API token', 'loses the permission', ({ id }: Owner) => admin('PATCH', `/users/${id}`, { role: 'viewer' })],
      ['API token', 'loses the token', ({ tokenId }: Owner) => admin('DELETE', `/tokens/${tokenId}`)],
    ] as const)('ends, as do their tickets, when the owner of the %s %s', async (by, _what, withdraw) => {
      const owner = await signIn(by);
      const unused = await ticketOf(owner);
      const theirs = new WebSocket(address + (await ticketOf(owner)));
      await once(theirs, 'open');
      const adminsOwn = await open();
      const closed = once(theirs, 'close');
      expect((await withdraw(owner)).status).toBeLessThan(300);
      const [code, reason] = (await closed) as [number, Buffer];
      expect(code).toBe(1008);
      expect(reason.toString()).toMatch(/^Access has ended\. (?:The session|The API token|This needs the permission)/);
      const { status } = await refusal(unused);
      expect([401, 403]).toContain(status);
      expect(adminsOwn.viewer.readyState).toBe(WebSocket.OPEN);
      await leave(adminsOwn.viewer);
    });

    it('ends when the time of their session is over, of which nobody tells', () =>
      house.withGateway(
        async (gateway) => {
          const owner = await signIn('session');
          await gateway.app.listen(0, '127.0.0.1');
          const url = (await gateway.app.getUrl()).replace('http', 'ws') + (await ticketOf(owner));
          const theirs = new WebSocket(url);
          const closed = once(theirs, 'close');
          await once(theirs, 'open');
          const over = { expiresAt: Date.now() - 60_000 };
          await gateway.app
            .get(Database)
            .transaction((manager) => manager.update(SessionEntity, { userId: owner.id }, over));
          const [code, reason] = (await closed) as [number, Buffer];
          expect(code).toBe(1008);
          expect(reason.toString()).toMatch(/^Access has ended\. The session/);
        },
        { consoleVerifyMs: 20 },
      ));
  });
});
