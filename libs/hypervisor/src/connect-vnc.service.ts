import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connectVnc } from './connect-vnc.ts';

describe('connectVnc', () => {
  let server: Server;
  let port: number;
  const ours: Socket[] = [];

  beforeEach(async () => {
    server = createServer((socket) => void ours.push(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });

  afterEach(() => {
    for (const socket of ours.splice(0)) socket.destroy();
    server.close();
  });

  it('keeps the connection when the signal fires later', async () => {
    const opening = new AbortController();
    const socket = await connectVnc({ host: '127.0.0.1', port }, opening.signal);
    opening.abort();
    if (ours.length === 0) await once(server, 'connection');
    ours[0]!.write('RFB 003.008\n');
    expect(String((await once(socket, 'data'))[0])).toBe('RFB 003.008\n');
    socket.destroy();
  });

  it('says so when nothing listens', async () => {
    server.close();
    await expect(connectVnc({ host: '127.0.0.1', port }, new AbortController().signal)).rejects.toMatchObject({
      code: 'host-rejected',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('gives up when the signal fires first', async () => {
    await expect(connectVnc({ host: '127.0.0.1', port }, AbortSignal.abort())).rejects.toMatchObject({
      code: 'host-rejected',
    });
  });
});
