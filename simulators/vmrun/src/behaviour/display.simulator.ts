import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import { ByteReader } from '../display/byte-reader.ts';
import { vncResponse } from '../display/vnc-password.ts';
import { Workbench } from '../testing/workbench.ts';

jest.setTimeout(120_000);

/** One below those that systems give to outgoing connections: nobody takes it until the VM listens. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

describe('the remote display', () => {
  let bench: Workbench;
  let port: number;
  let socket: Socket;
  beforeEach(async () => {
    bench = new Workbench();
    port = await freePort();
  });
  afterEach(async () => {
    socket?.destroy();
    await bench.close();
  });

  const start = async (entries: Record<string, string> = {}) => {
    const display = { 'RemoteDisplay.vnc.enabled': 'TRUE', 'RemoteDisplay.vnc.port': String(port), ...entries };
    const vmx = await bench.runningVm('web', { ...display, 'RemoteDisplay.vnc.ip': '127.0.0.1' });
    socket = connect(port, '127.0.0.1');
    return vmx;
  };

  it('greets, shows the screen and goes away with the VM', async () => {
    const vmx = await start();
    const reader = new ByteReader(socket);
    expect((await reader.take(12)).toString()).toBe('RFB 003.008\n');
    socket.write('RFB 003.008\n');
    expect([...(await reader.take(2))]).toEqual([1, 1]);
    socket.write(Buffer.from([1]));
    expect((await reader.take(4)).readUInt32BE()).toBe(0);
    socket.write(Buffer.from([1]));
    const size = await reader.take(24);
    const [width, height] = [size.readUInt16BE(0), size.readUInt16BE(2)];
    expect((await reader.take(size.readUInt32BE(20))).toString()).toBe('web');
    socket.write(Buffer.from([3, 0, 0, 0, 0, 0, width >> 8, width & 255, height >> 8, height & 255]));
    const header = await reader.take(16);
    expect([header.readUInt16BE(2), header.readUInt16BE(8), header.readInt32BE(12)]).toEqual([1, width, 0]);
    expect(new Set(await reader.take(width * height * 4)).size).toBeGreaterThan(3);
    const isClosed = new Promise((resolve) => socket.once('close', resolve));
    await bench.vmrun('stop', vmx, 'hard');
    await isClosed;
  });

  it.each([
    ['secret', 0],
    ['wrong', 1],
  ])('asks for its password; %s gives %d', async (password, result) => {
    await start({ 'RemoteDisplay.vnc.password': 'secret' });
    const reader = new ByteReader(socket);
    await reader.take(12);
    socket.write('RFB 003.008\n');
    expect([...(await reader.take(2))]).toEqual([1, 2]);
    socket.write(Buffer.from([2]));
    socket.write(vncResponse(password, await reader.take(16)));
    expect((await reader.take(4)).readUInt32BE()).toBe(result);
  });
});
