import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { initialCreditBytes } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { ConsoleTicket, type Host, type Problem } from '@polyvirt/contracts';
import { WebSocket } from 'ws';
import { TestHouse } from '../testing/test-house.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';

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
});
