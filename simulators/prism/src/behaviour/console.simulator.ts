import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { WebSocket } from 'ws';
import type { JsonObject } from '../json.ts';
import { PrismProcess, stopAll } from '../testing/prism-process.ts';
import { V4Client } from '../testing/v4-client.ts';
import { makeVm, siteOf, type Site } from '../testing/vm-spec.ts';

const LOGIN = { authorization: `Basic ${Buffer.from('admin:nutanix/4u').toString('base64')}` };

// Processes are started and keys made, on machines that have more to do.
jest.setTimeout(180_000);

describe('the console', () => {
  let prism: PrismProcess;
  let site: Site;
  let uuid: string;
  let off: string;
  beforeAll(async () => {
    prism = await PrismProcess.start({ args: ['--seed-vms', '0'] });
    site = await siteOf(prism);
  });
  beforeEach(async () => {
    uuid = await makeVm(prism, site, 'seen', { power_state: 'ON' });
    off = await makeVm(prism, site, 'dark');
  });
  afterEach(() => prism.reset());
  afterAll(stopAll);

  const socketTo = (path: string, headers: Record<string, string> = LOGIN): WebSocket =>
    new WebSocket(new URL(path, prism.url.replace('https', 'wss')), { ca: prism.certificate, headers });

  /** Reads until so many bytes are there. */
  async function bytes(socket: WebSocket, count: number, seen: Buffer[] = []): Promise<Buffer> {
    while (Buffer.concat(seen).length < count) seen.push((await once(socket, 'message'))[0] as Buffer);
    return Buffer.concat(seen);
  }

  /** The HTTP status with which an upgrade is refused. */
  const refusal = (socket: WebSocket): Promise<number> =>
    new Promise((resolve, reject) => {
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
      socket.on('open', () => reject(new Error('was opened')));
      socket.on('error', () => undefined);
    });

  async function shakeHands(socket: WebSocket): Promise<string> {
    expect((await bytes(socket, 12)).toString()).toBe('RFB 003.008\n');
    socket.send('RFB 003.008\n');
    expect(await bytes(socket, 2)).toEqual(Buffer.from([1, 1]));
    socket.send(Buffer.from([1]));
    expect(await bytes(socket, 4)).toEqual(Buffer.alloc(4));
    socket.send(Buffer.from([1]));
    const init = await bytes(socket, 28);
    return init.subarray(24).toString();
  }

  it('speaks RFB on the legacy path, through the cluster, and ends with the power of the VM', async () => {
    const path = `/vnc/vm/${uuid}/proxy?proxyClusterUuid=0006aaaa-0000-0000-0000-00000000c001`;
    expect((await prism.call('GET', path)).status).toBe(400);
    const socket = socketTo(path);
    const upgraded = once(socket, 'upgrade');
    expect(await shakeHands(socket)).toBe('seen');
    const [response] = (await upgraded) as [{ headers: Record<string, string> }];
    expect(response.headers['x-ntnx-env']).toBe('pe');
    const closed = once(socket, 'close');
    await prism.done(await prism.v3('POST', `/vms/${uuid}/acpi_shutdown`, {}));
    await closed;
  });

  it('opens with a session too, and not without a login or for a VM that is off', async () => {
    const path = `/vnc/vm/${uuid}/proxy`;
    const [cookie = ''] = (await prism.v3('GET', '/users/me')).headers['set-cookie'] as string[];
    const socket = socketTo(path, { cookie: cookie.split(';')[0]! });
    await once(socket, 'open');
    socket.close();
    await once(socket, 'close');
    expect(await refusal(socketTo(path, {}))).toBe(401);
    expect(await refusal(socketTo(`/vnc/vm/${off}/proxy`))).toBe(404);
    await prism.knobs({ 'console.legacyPath': false });
    expect(await refusal(socketTo(path))).toBe(404);
  });

  it('opens by token as often as a VM may be watched, while the token lives', async () => {
    const v4 = new V4Client(prism);
    const ticket = async (): Promise<string> => {
      const task = await v4.done(await v4.write('POST', uuid, '/$actions/generate-console-token'));
      const [token, uri] = task['completionDetails'] as JsonObject[];
      return `${String(uri?.['value'])}?VmConsoleToken=${String(token?.['value'])}`;
    };
    const path = await ticket();
    const headers = { ...LOGIN, origin: prism.url };
    await prism.knobs({ 'console.maxPerVm': 1 });
    const socket = socketTo(path, headers);
    expect(await shakeHands(socket)).toBe('seen');
    expect(await refusal(socketTo(path, headers))).toBe(429);
    socket.close();
    await once(socket, 'close');
    expect(await refusal(socketTo(path, {}))).toBe(401);
    expect(await refusal(socketTo(`${path}x`, headers))).toBe(403);
    await prism.knobs({ 'console.tokenMinutes': 10, 'console.maxPerVm': 2 });
    const short = await ticket();
    await prism.holdClock();
    await prism.advance(9 * 60_000);
    const again = socketTo(short, headers);
    await once(again, 'open');
    again.close();
    await once(again, 'close');
    await prism.advance(60_000);
    expect(await refusal(socketTo(short, headers))).toBe(403);
    await prism.runClock();
    const dark = await v4.done(await v4.write('POST', off, '/$actions/generate-console-token'));
    expect(dark).toMatchObject({ status: 'FAILED' });
  });
});
