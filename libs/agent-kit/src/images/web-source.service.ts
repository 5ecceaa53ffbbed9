import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NetworkList } from '@polyvirt/config';
import { receiveImage, SourceInterrupted } from '@polyvirt/hypervisor';
import { ReachableAddresses } from './reachable-addresses.ts';
import { WebSource, type WebSourceOptions } from './web-source.ts';

const content = Buffer.alloc(3 * 2 ** 20, 'disk');
const sha256 = createHash('sha256').update(content).digest('hex');

let folder: string;
let server: Server;
let origin: string;
let answer: RequestListener;
let asked: (string | undefined)[];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.headers.range);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'web-source-'));
  asked = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const here = new ReachableAddresses(new NetworkList('127.0.0.0/8'));
const file = () => join(folder, 'image');
const sourceOf = (url = `${origin}/image`, options: Partial<WebSourceOptions> = {}) =>
  new WebSource(url, { addresses: here, ...options });
const receive = async (source: WebSource, signal = new AbortController().signal) => {
  const progress: [number, number | undefined][] = [];
  const { bytes, tag, content: looked } = await source.open(signal);
  looked.on('error', () => undefined).destroy();
  const seen = { ...(bytes !== undefined && { bytes }), ...(tag !== undefined && { tag }) };
  const tell = (...told: [number, number | undefined]) => void progress.push(told);
  const received = await receiveImage(source, file(), { seen, signal, progress: tell, pauseMs: 1 });
  return { ...received, progress };
};
/** As static servers of the web do it. */
const serve =
  (etag: string | undefined, cutAt: number[] = []): RequestListener =>
  ({ headers }, response) => {
    const matches = headers['if-range'] === undefined || headers['if-range'] === etag;
    const from = matches ? Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0) : 0;
    if (etag !== undefined) response.setHeader('etag', etag);
    response.setHeader('content-length', content.length - from);
    if (from > 0) response.setHeader('content-range', `bytes ${from}-${content.length - 1}/${content.length}`);
    response.statusCode = from > 0 ? 206 : 200;
    const cut = asked.length > 1 ? cutAt.shift() : undefined;
    if (cut === undefined) response.end(content.subarray(from));
    else response.write(content.subarray(from, cut), () => response.destroy());
  };

describe('a file of a web server', () => {
  it('is fetched as it is, with its progress and its checksum', async () => {
    answer = serve('"v1"');
    const { progress, ...received } = await receive(sourceOf());
    expect(received).toEqual({ bytes: content.length, sha256 });
    expect(readFileSync(file()).equals(content)).toBe(true);
    expect(progress.at(-1)).toEqual([content.length, content.length]);
  });

  it('has no total where the server says none', async () => {
    answer = (_request, response) => {
      response.write(content);
      response.end();
    };
    const { progress, bytes } = await receive(sourceOf());
    expect(new Set(progress.map(([, total]) => total))).toEqual(new Set([undefined]));
    expect(bytes).toBe(content.length);
  });

  it('that is cut is continued, and is whole', async () => {
    answer = serve('"v1"', [2 ** 20, 2 * 2 ** 20]);
    expect(await receive(sourceOf())).toMatchObject({ bytes: content.length, sha256 });
    expect(asked.slice(0, 2)).toEqual([undefined, undefined]);
    const continued = asked.slice(2).map((range) => Number(/\d+/.exec(range!)));
    expect(continued).toHaveLength(2);
    expect(continued[0]).toBeGreaterThan(0);
    expect(continued[1]).toBeGreaterThanOrEqual(continued[0]!);
  });

  it('that is cut, and has no name for what it is, is not continued', async () => {
    answer = serve(undefined, [2 ** 20]);
    await expect(receive(sourceOf())).rejects.toMatchObject({ code: 'fetch-failed' });
    expect(asked).toEqual([undefined, undefined]);
  });

  it('that another has replaced meanwhile is begun again', async () => {
    let version = 0;
    answer = (request, response) => {
      version += 1;
      serve(`"v${Math.min(version, 3)}"`, version === 2 ? [2 ** 20] : [])(request, response);
    };
    expect(await receive(sourceOf())).toMatchObject({ bytes: content.length, sha256 });
    expect(readFileSync(file()).equals(content)).toBe(true);
  });

  it.each<[string, RequestListener, RegExp]>([
    ['is not there', (_request, response) => response.writeHead(404).end('no'), /404/],
    ['leads nowhere', (_request, response) => response.writeHead(302).end(), /302/],
    ['leads on and on', (_request, response) => response.writeHead(302, { location: '/image' }).end(), /6 times/],
    [
      'is compressed on the way',
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
      /gzip/,
    ],
  ])('that %s is told as that', async (_, behaviour, message) => {
    answer = behaviour;
    await expect(receive(sourceOf())).rejects.toMatchObject({
      code: 'fetch-failed',
      message: expect.stringMatching(message),
    });
    expect(existsSync(file())).toBe(false);
  });

  it('of a server that is overloaded may be had later', async () => {
    answer = (_request, response) => response.writeHead(503).end();
    await expect(sourceOf().open(new AbortController().signal)).rejects.toBeInstanceOf(SourceInterrupted);
  });

  it('of a server that there is not is told as that, and not waited for', async () => {
    const addresses = new ReachableAddresses();
    const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
    addresses.lookup = () => (_name, _options, found) => found(unknown, '', 0);
    await expect(receive(sourceOf('http://images.example/image', { addresses }))).rejects.toMatchObject({
      code: 'fetch-failed',
      message: expect.stringContaining('no server images.example'),
    });
  });

  it('is followed to another place, which is looked at like the first', async () => {
    answer = ({ url }, response) => {
      if (url === '/image') response.writeHead(307, { location: '/there' }).end();
      else response.end('there');
    };
    await receive(sourceOf());
    expect(readFileSync(file(), 'utf8')).toBe('there');
    for (const location of ['http://169.254.169.254/latest', 'ftp://example.org/x', 'file:///etc/passwd']) {
      answer = (_request, response) => response.writeHead(302, { location }).end();
      await expect(receive(sourceOf())).rejects.toMatchObject({ code: 'invalid-input' });
    }
  });

  it.each(['127.0.0.1', 'localhost'])('is not fetched from %s unless that is listed', async (name) => {
    answer = (_request, response) => response.end();
    const url = `${origin.replace('127.0.0.1', name)}/image`;
    const fetching = async () => receive(sourceOf(url, { addresses: new ReachableAddresses() }));
    await expect(fetching()).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringMatching(/LIST|list/),
    });
    expect(asked).toEqual([]);
  });

  it('is named without what may be a signature', () => {
    expect(sourceOf(`${origin}/image?X-Amz-Signature=abc#part`).label).toBe(`${origin}/image`);
  });

  it('is given up when nothing comes', async () => {
    answer = (_request, response) => void response.write('begin');
    await expect(receive(sourceOf(undefined, { silenceMs: 50 }))).rejects.toMatchObject({
      code: 'fetch-failed',
      message: expect.stringContaining('nothing came for 0.05 s'),
    });
  });

  it('is let go of when the operation ends', async () => {
    const waiting = Promise.withResolvers<void>();
    answer = (_request, response) => {
      response.write('begin');
      if (asked.length > 1) waiting.resolve();
    };
    const cancel = new AbortController();
    const reason = new Error('cancelled');
    const receiving = receive(sourceOf(), cancel.signal);
    await waiting.promise;
    cancel.abort(reason);
    await expect(receiving).rejects.toBe(reason);
  });
});
