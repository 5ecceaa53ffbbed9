import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { initialCreditBytes } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { ConsoleTicket, type CreatedToken, type Host, type Me, type Problem } from '@polyvirt/contracts';
import { WebSocket } from 'ws';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { adminPassword } from '../testing/test-gateway.ts';
import { TestHouse } from '../testing/test-house.ts';

describe('the console of a VM', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let address: string;
  const id = 'kvm-a~vm-1';

  beforeAll(async () => {
    house = await TestHouse.start();
    agent = await house.startAgent();
    await agent.show('vm-1', { state: 'running' });
    await eventually(async () => expect((await house.call<Host>('GET', '/hosts/kvm-a')).body.state).toBe('ready'));
    await eventually(async () => expect((await house.call('GET', `/vms/${id}`)).status).toBe(200));
    await house.gateway.app.listen(0, '127.0.0.1');
    address = (await house.gateway.app.getUrl()).replace('http', 'ws');
  }, 30_000);
  afterAll(() => house.stop(), 30_000);

  const ticket = async () => {
    const { status, body } = await house.call<ConsoleTicket>('POST', `/vms/${id}/console`);
    expect(status).toBe(201);
    return ConsoleTicket.parse(body);
  };
  const open = async () => {
    const socket = new WebSocket(address + (await ticket()).url, { protocol: 'binary' });
    await once(socket, 'open');
    await eventually(() => expect(agent.console).toBeDefined());
    return socket;
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
    const socket = await open();
    agent.console!.say(Buffer.from('RFB 003.008\n'));
    const [greeting] = (await once(socket, 'message')) as [Buffer];
    expect(greeting.toString()).toBe('RFB 003.008\n');
    socket.send(Buffer.from('RFB 003.008\n'));
    await eventually(() => expect(Buffer.concat(agent.console!.heard).toString()).toBe('RFB 003.008\n'));
    socket.close();
    await eventually(() => expect(agent.console!.ended).toBe('The viewer has left.'));
  });

  it('goes no faster than the slower side', async () => {
    const socket = await open();
    // The agent gives no credit yet, so no more than the first allowance may reach it.
    agent.console!.givesCredit = false;
    const chunk = Buffer.alloc(64 * 1_024, 1);
    for (let n = 0; n < 32; n++) socket.send(chunk);
    await eventually(() => expect(agent.console!.heardBytes).toBe(initialCreditBytes));
    agent.console!.giveCredit();
    await eventually(() => expect(agent.console!.heardBytes).toBe(32 * chunk.length));
    // The other way, each side of the socket gives credit for what it has passed on.
    for (let n = 0; n < 8; n++) agent.console!.say(chunk);
    await eventually(() => expect(agent.console!.credit).toBe(8 * chunk.length));
    socket.close();
    await once(socket, 'close');
  });

  it('opens once for a ticket, and never for one that is made up', async () => {
    const { url } = await ticket();
    const socket = new WebSocket(address + url);
    await once(socket, 'open');
    expect(await refusal(url)).toEqual({ status: 404, code: 'console-not-found' });
    expect(await refusal('/api/v1/console?ticket=made-up')).toEqual({ status: 404, code: 'console-not-found' });
    expect(await refusal('/api/v1/console')).toEqual({ status: 404, code: 'console-not-found' });
    socket.close();
    await once(socket, 'close');
  });

  it('closes with a reason when the VM is powered off, and does not open then', async () => {
    const socket = await open();
    const late = await ticket();
    await agent.show('vm-1', { state: 'stopped' });
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1000, 'The VM is stopped.']);
    expect(agent.console!.ended).toBe('The VM is stopped.');
    expect(await refusal(late.url)).toEqual({ status: 409, code: 'wrong-state' });
    const refused = await house.call<Problem>('POST', `/vms/${id}/console`);
    expect(refused.body.code).toBe('wrong-state');
    await agent.show('vm-1', { state: 'running' });
    await eventually(async () => expect((await house.vm(id)).state).toBe('running'));
  });

  it('closes when the agent ends it', async () => {
    const socket = await open();
    agent.console!.end('The console was closed by the hypervisor.');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1011, 'The console was closed by the hypervisor.']);
  });

  describe('that somebody else than the admin looks at', () => {
    let credential: string;
    let userId: string;
    let refreshToken: string;
    let tokenId: string | undefined;
    let number = 0;

    const admin = (method: string, path: string, body?: unknown) => house.call(method, path, body);
    const signIn = async (by: 'session' | 'API token') => {
      const username = `viewer-${(number += 1)}`;
      await admin('POST', '/users', { username, password: adminPassword, role: 'operator' });
      const pair = await house.gateway.login(username);
      ({ accessToken: credential, refreshToken } = pair);
      const { body: me } = await house.gateway.call<Me>('GET', '/api/v1/auth/me', { token: credential });
      userId = me.user.id;
      tokenId = undefined;
      if (by === 'session') return;
      const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
      const made = await house.gateway.call<CreatedToken>('POST', '/api/v1/tokens', {
        token: credential,
        body: { name: 'ci', scopes: ['vm:read', 'vm:console'], expiresAt },
      });
      ({ id: tokenId, secret: credential } = made.body);
    };
    const ticketOfTheirs = async () => {
      const asked = { token: credential };
      const { body } = await house.gateway.call<ConsoleTicket>('POST', `/api/v1/vms/${id}/console`, asked);
      return ConsoleTicket.parse(body).url;
    };

    it.each([
      ['session', 'is disabled', () => admin('PATCH', `/users/${userId}`, { disabled: true })],
      ['session', 'is deleted', () => admin('DELETE', `/users/${userId}`)],
      ['session', 'loses the permission', () => admin('PATCH', `/users/${userId}`, { role: 'viewer' })],
      [
        'session',
        'logs out',
        () => house.gateway.call('POST', '/api/v1/auth/logout', { token: credential, body: { refreshToken } }),
      ],
      ['API token', 'is disabled', () => admin('PATCH', `/users/${userId}`, { disabled: true })],
      ['API token', 'loses the permission', () => admin('PATCH', `/users/${userId}`, { role: 'viewer' })],
      ['API token', 'loses the token', () => admin('DELETE', `/tokens/${tokenId}`)],
    ] as const)('ends, as do their tickets, when the owner of the %s %s', async (by, _what, withdraw) => {
      await signIn(by);
      const unused = await ticketOfTheirs();
      const theirs = new WebSocket(address + (await ticketOfTheirs()));
      await once(theirs, 'open');
      const adminsOwn = await open();
      const closed = once(theirs, 'close');
      expect((await withdraw()).status).toBeLessThan(300);
      const [code, reason] = (await closed) as [number, Buffer];
      expect(code).toBe(1008);
      expect(reason.toString()).toMatch(/^Access has ended\. (?:The session|The API token|This needs the permission)/);
      const { status } = await refusal(unused);
      expect([401, 403]).toContain(status);
      expect(adminsOwn.readyState).toBe(WebSocket.OPEN);
      adminsOwn.close();
      await once(adminsOwn, 'close');
    });
  });
});
