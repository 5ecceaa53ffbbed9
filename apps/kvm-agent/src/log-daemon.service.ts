import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogDaemon } from './log-daemon.ts';

describe('virtlogd', () => {
  let folder: string;
  let server: Server | undefined;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'polyvirt-logs-'))));
  afterEach(async () => {
    server?.close();
    server = undefined;
    await rm(folder, { recursive: true });
  });

  const at = (name: string) => join(folder, name);
  const lack = () => new LogDaemon({ socketPath: at('virtlogd-sock'), configFile: at('qemu.conf') }).lack();
  const listen = async (serve: (socket: Socket) => void) => {
    server = createServer(serve).listen(at('virtlogd-sock'));
    await once(server, 'listening');
  };

  it('is well when it answers, be it that there is no such procedure', async () => {
    let asked: Buffer | undefined;
    await listen((socket) =>
      socket.once('data', (call: Buffer) => {
        asked = call;
        socket.end('an error');
      }),
    );
    expect(await lack()).toBeUndefined();
    expect(asked?.readUInt32BE(0)).toBe(asked?.length);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['says nothing', () => undefined],
    ['hangs up', (socket) => socket.destroy()],
  ])('is a reason why no VM can start when it %s', async (_, serve) => {
    await listen(serve);
    expect(await lack()).toMatch(/^No VM can start: virtlogd does not answer \(.+\).*systemctl restart virtlogd/);
  });

  it('is one as well when it is not there, but libvirt is', async () => {
    expect(await lack()).toBeUndefined();
    await writeFile(at('libvirt-sock'), '');
    expect(await lack()).toContain('ENOENT');
  });

  it('is none where libvirt writes the logs itself', async () => {
    await writeFile(at('libvirt-sock'), '');
    await writeFile(at('qemu.conf'), '# stdio_handler = "file"\n');
    expect(await lack()).toBeDefined();
    await writeFile(at('qemu.conf'), 'user = "root"\nstdio_handler = "file"\n');
    expect(await lack()).toBeUndefined();
  });
});
