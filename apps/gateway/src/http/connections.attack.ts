import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { startTestGateway, type TestGateway } from '../testing/test-gateway.ts';

describe('somebody who opens connections', () => {
  let gateway: TestGateway;
  let port: number;
  beforeAll(async () => {
    gateway = await startTestGateway({ environment: { POLYVIRT_CONNECTIONS_PER_ADDRESS: '3' } });
    await gateway.app.listen(0, '127.0.0.1');
    ({ port } = gateway.app.getHttpServer().address() as { port: number });
  });
  afterAll(() => gateway.stop());

  it('has as many as an address may have, and leaves the others theirs', async () => {
    const own = [1, 2, 3].map(() => connect(port, '127.0.0.1'));
    await Promise.all(own.map((socket) => once(socket, 'connect')));
    const one = connect(port, '127.0.0.1');
    await once(one, 'close');
    const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    other.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const [answer] = (await once(other, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    other.destroy();
    for (const socket of own) socket.destroy();
    // What was closed counts no more.
    await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200));
  });
});
