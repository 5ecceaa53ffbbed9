import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { CompatPort } from '../earlier-programs/compat-port.ts';
import { TestHouse } from '../testing/test-house.ts';

/** Every port that the gateway has. */
const ports = async (house: TestHouse): Promise<[number, number]> => {
  const { app } = house.gateway;
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  const compat = await eventually(() => {
    const open = app.get(CompatPort).port;
    expect(open).toBeDefined();
    return open!;
  });
  return [port, compat];
};

describe('somebody who opens connections', () => {
  let house: TestHouse;
  let main: number;
  let compat: number;
  const own: Socket[] = [];
  beforeAll(async () => {
    house = await TestHouse.start({
      environment: { POLYVIRT_CONNECTIONS_PER_ADDRESS: '3', POLYVIRT_COMPAT_PORT: '0' },
    });
    [main, compat] = await ports(house);
  });
  afterAll(async () => {
    for (const socket of own) socket.destroy();
    await house.stop();
  });

  it('has as many as an address may have, at all ports together, and leaves the others theirs', async () => {
    own.push(...[main, main, compat].map((port) => connect(port, '127.0.0.1')));
    await Promise.all(own.map((socket) => once(socket, 'connect')));
    for (const port of [main, compat]) await once(connect(port, '127.0.0.1'), 'close');
    for (const port of [main, compat]) {
      const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
      other.write('GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      const [answer] = (await once(other, 'data')) as [Buffer];
      expect([port, answer.toString()]).toEqual([port, expect.stringMatching(/^HTTP\/1\.1 200 /)]);
      other.destroy();
    }
    for (const socket of own) socket.destroy();
    // What was closed counts no more.
    await eventually(async () => expect((await fetch(`http://127.0.0.1:${main}/healthz`)).status).toBe(200));
  });
});

describe('somebody who sends a request and never comes to its end', () => {
  let house: TestHouse;
  let open: readonly number[];
  beforeAll(async () => {
    house = await TestHouse.start({ environment: { POLYVIRT_COMPAT_PORT: '0' }, times: { requestWithinMs: 200 } });
    open = await ports(house);
  });
  afterAll(() => house.stop());

  const login =
    'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n';
  it.each([
    ['head', 'GET /health HTTP/1.1\r\nHost: x\r\n'],
    ['body', `${login}{`],
  ])('is cut off in the middle of its %s, at every port', async (_, sent) => {
    for (const port of open) {
      const socket = connect(port, '127.0.0.1').resume();
      socket.write(sent);
      await once(socket, 'close');
    }
  });
});
