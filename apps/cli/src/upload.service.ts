import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@polyvirt/api-client';
import { upload } from './upload.ts';

describe('a file that is uploaded', () => {
  const content = randomBytes(1_000_000);
  const sha256 = createHash('sha256').update(content).digest('hex');
  let folder: string;
  let file: string;
  let url: string;
  let received: Buffer;
  let asked: string[];
  /** What happens to a part; the usual when it answers nothing. */
  let meddle: (part: Buffer, response: ServerResponse) => boolean;

  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, headers } = request;
      asked.push(method === 'PATCH' ? `PATCH ${String(headers['upload-offset'])}` : method!);
      const state = () => ({ 'upload-offset': String(received.length), 'tus-resumable': '1.0.0' });
      if (method === 'POST')
        return response.writeHead(201, { 'content-type': 'application/json' }).end('{"id":"an-upload"}');
      if (method === 'GET')
        return response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ receivedBytes: received.length }));
      const part = Buffer.concat(chunks);
      if (meddle(part, response)) return undefined;
      received = Buffer.concat([received, part]);
      return response.writeHead(204, state()).end();
    });
  });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'polyvirt-upload-'));
    file = join(folder, 'rescue.iso');
    writeFileSync(file, content);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    received = Buffer.alloc(0);
    asked = [];
    meddle = () => false;
  });

  const send = async (path = file) => {
    const progress: number[] = [];
    const onProgress = (sent: number) => void progress.push(sent);
    const client = createClient({ url, token: 'pv_x' });
    return { ...(await upload(client, path, { onProgress, pauseMs: 1, partBytes: 300_000 })), progress };
  };

  it('goes in parts, with its checksum', async () => {
    expect(await send()).toEqual({ id: 'an-upload', sha256, progress: [0, 300_000, 600_000, 900_000, 1_000_000] });
    expect(received.equals(content)).toBe(true);
    expect(asked).toEqual(['POST', 'PATCH 0', 'PATCH 300000', 'PATCH 600000', 'PATCH 900000']);
  });

  it('continues where the gateway is when a part was cut', async () => {
    let cuts = 0;
    meddle = (part, response) => {
      cuts += 1;
      if (cuts !== 2) return false;
      received = Buffer.concat([received, part.subarray(0, 100_000)]);
      response.destroy();
      return true;
    };
    expect(await send()).toMatchObject({ sha256 });
    expect(received.equals(content)).toBe(true);
    expect(asked.slice(2, 5)).toEqual(['PATCH 300000', 'GET', 'PATCH 400000']);
  });

  it('goes back when the gateway has less than it said', async () => {
    let cuts = 0;
    meddle = (_, response) => {
      cuts += 1;
      if (cuts !== 3) return false;
      received = received.subarray(0, 250_000);
      response.destroy();
      return true;
    };
    expect(await send()).toMatchObject({ sha256 });
    expect(received.equals(content)).toBe(true);
  });

  it('that the gateway refuses is given up, with what it says', async () => {
    meddle = (_, response) => {
      const problem = { code: 'upload-not-found', status: 404, title: '', detail: 'It has expired.', retryable: false };
      response.writeHead(404, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
      return true;
    };
    await expect(send()).rejects.toThrow('It has expired.');
    expect(asked).toEqual(['POST', 'PATCH 0']);
  });

  it('that is none is told before anything is asked', async () => {
    await expect(send(join(folder, 'none'))).rejects.toThrow('ENOENT');
    await expect(send(folder)).rejects.toThrow('is no file');
    expect(asked).toEqual([]);
  });
});
