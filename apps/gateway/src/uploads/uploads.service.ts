import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { request as requestHttp, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@polyvirt/bus/testing';
import { ProblemError, uploadTicketHeader, type Operation, type Problem, type Upload } from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { Uploads } from './uploads.ts';

describe('uploads', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'uploads-'));
    house = await TestHouse.start({ environment: { POLYVIRT_UPLOAD_PATH: folder, POLYVIRT_UPLOAD_MAX_GIB: '1' } });
    agent = await house.startAgent('kvm-a');
  });
  afterAll(async () => {
    await house.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  let id: string;
  const content = randomBytes(100_000);

  const tus = { 'tus-resumable': '1.0.0' };
  const bytes = { ...tus, 'content-type': 'application/offset+octet-stream' };
  const begin = (length: number | string, more: Record<string, string> = {}, token = house.token) =>
    house.gateway.call<Upload>('POST', '/api/v1/uploads', {
      token,
      headers: { ...tus, 'upload-length': String(length), ...more },
    });
  const send = (offset: number, raw: Buffer, more: Record<string, string> = {}, token = house.token) =>
    house.gateway.call<Problem>('PATCH', `/api/v1/uploads/${id}`, {
      token,
      raw,
      headers: { ...bytes, 'upload-offset': String(offset), ...more },
    });
  const head = (token = house.token) => house.gateway.call('HEAD', `/api/v1/uploads/${id}`, { token, headers: tus });
  const read = (headers: Record<string, string> = {}) =>
    house.gateway.call<Problem>('GET', `/api/v1/uploads/${id}/content`, { headers });

  beforeEach(async () => {
    id = (await begin(content.length)).body.id;
  });
  afterEach(async () => {
    await house.call('DELETE', `/uploads/${id}`);
  });

  it('are made, sent in parts, and say how far they have come', async () => {
    const begun = await begin(content.length, { 'upload-metadata': `kind aXNv,filename ${btoa('rescue.iso')}` });
    expect(begun.status).toBe(201);
    expect(begun.headers).toMatchObject({ location: `/api/v1/uploads/${begun.body.id}`, 'tus-resumable': '1.0.0' });
    expect(begun.body).toMatchObject({ bytes: content.length, receivedBytes: 0, fileName: 'rescue.iso' });
    id = begun.body.id;
    const first = await send(0, content.subarray(0, 60_000));
    expect([first.status, first.headers['upload-offset']]).toEqual([204, '60000']);
    const asked = await head();
    expect(asked.status).toBe(200);
    expect(asked.headers['upload-metadata']).toBe(`kind aXNv,filename ${btoa('rescue.iso')}`);
    expect(asked.headers).toMatchObject({
      ...{ 'upload-offset': '60000', 'upload-length': '100000', 'cache-control': 'no-store' },
      'upload-expires': expect.stringMatching(/GMT$/),
    });
    expect((await send(60_000, content.subarray(60_000))).headers['upload-offset']).toBe('100000');
    expect((await house.call<Upload>('GET', `/uploads/${id}`)).body).toMatchObject({ receivedBytes: 100_000 });
  });

  it.each<[string, Record<string, string>, number, string]>([
    ['another version of tus', { 'tus-resumable': '0.2.1' }, 412, 'version-not-supported'],
    ['no offset', { 'upload-offset': '' }, 400, 'invalid-input'],
    ['half an offset', { 'upload-offset': '1.5' }, 400, 'invalid-input'],
    ['another offset', { 'upload-offset': '7' }, 409, 'wrong-state'],
    ['JSON', { 'content-type': 'application/json' }, 400, 'invalid-input'],
    ['a page', { 'content-type': 'text/html' }, 415, 'unsupported-media-type'],
  ])('take no part with %s', async (_, headers, status, code) => {
    const answer = await send(0, content.subarray(0, 10), headers);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect((await head()).headers['upload-offset']).toBe('0');
  });

  it('take no part that is JSON', async () => {
    const answer = await house.gateway.call<Problem>('PATCH', `/api/v1/uploads/${id}`, {
      token: house.token,
      body: [1, 2],
      headers: { ...tus, 'upload-offset': '0' },
    });
    expect([answer.status, answer.body.code]).toEqual([415, 'unsupported-media-type']);
  });

  it('say how to speak to them, to anybody, and with a refusal, too', async () => {
    const asked = await house.gateway.call('OPTIONS', '/api/v1/uploads');
    expect(asked.status).toBe(204);
    const spoken = { 'tus-resumable': '1.0.0', 'tus-version': '1.0.0', 'tus-max-size': String(2 ** 30) };
    expect(asked.headers).toMatchObject({ ...spoken, 'tus-extension': 'creation,expiration,termination' });
    expect((await send(7, content)).headers).toMatchObject(spoken);
  });

  it('take no more than they were begun with', async () => {
    const answer = await send(0, Buffer.concat([content, content]));
    expect([answer.status, answer.body.code]).toEqual([413, 'body-too-large']);
    expect(Number((await head()).headers['upload-offset'])).toBeLessThanOrEqual(content.length);
  });

  it.each<[string, number | string, Record<string, string>, number]>([
    ['no length', '', {}, 400],
    ['a length that is none', '-1', {}, 400],
    ['more than the gateway takes', 2 ** 30 + 1, {}, 413],
    ['metadata that is none', 1, { 'upload-metadata': 'filename !!!' }, 400],
  ])('are not begun with %s', async (_, length, more, status) => {
    const before = readdirSync(folder).length;
    expect((await begin(length, more)).status).toBe(status);
    expect(readdirSync(folder)).toHaveLength(before);
  });

  it('are those of their user, and of nobody who may make nothing', async () => {
    const [other, viewer] = [await house.gateway.as('operator'), await house.gateway.as('viewer')];
    expect((await head(other)).status).toBe(404);
    expect((await send(0, content, {}, other)).status).toBe(404);
    expect((await begin(1, {}, viewer)).status).toBe(403);
    expect((await house.gateway.call('GET', '/api/v1/uploads/..%2F..%2Fetc', { token: house.token })).status).toBe(400);
  });

  it('are as many as sixteen of one user', async () => {
    const { token } = await house.gateway.signUp('operator');
    const ids: string[] = [];
    for (let count = 0; count < 16; count += 1) ids.push((await begin(1, {}, token)).body.id);
    expect((await begin(1, {}, token)).status).toBe(429);
    const [first] = ids;
    await house.gateway.call('DELETE', `/api/v1/uploads/${first}`, { token, headers: tus });
    const next = await begin(1, {}, token);
    expect(next.status).toBe(201);
    for (const one of [...ids.slice(1), next.body.id])
      await house.gateway.call('DELETE', `/api/v1/uploads/${one}`, { token, headers: tus });
  });

  it('expire when nothing comes', async () => {
    const old = new Date(Date.now() - 25 * 3_600_000);
    utimesSync(join(folder, `${id}.part`), old, old);
    expect((await head()).status).toBe(404);
    expect((await send(0, content)).status).toBe(404);
  });

  it('that are on no disk of this gateway are none', async () => {
    writeFileSync(join(folder, 'stray.part'), 'x');
    expect((await house.call('GET', `/uploads/${'a'.repeat(24)}`)).status).toBe(404);
    rmSync(join(folder, 'stray.part'));
  });

  describe('over a network', () => {
    let port: number;
    beforeAll(async () => {
      await house.gateway.app.listen(0, '127.0.0.1');
      port = (house.gateway.app.getHttpServer().address() as AddressInfo).port;
    });
    const sending = (offset: number) =>
      requestHttp({
        ...{ port, host: '127.0.0.1', method: 'PATCH', path: `/api/v1/uploads/${id}`, agent: false },
        headers: {
          ...{ ...bytes, authorization: `Bearer ${house.token}`, 'upload-offset': String(offset) },
          'content-length': String(content.length - offset),
        },
      }).on('error', () => undefined);
    const sizeOnDisk = () => statSync(join(folder, `${id}.part`)).size;

    it('keep what has come when the connection breaks, and continue there', async () => {
      const broken = sending(0);
      broken.write(content.subarray(0, 50_000));
      await eventually(() => expect(sizeOnDisk()).toBe(50_000));
      broken.destroy();
      await eventually(async () => {
        expect((await head()).headers['upload-offset']).toBe('50000');
        expect((await send(50_000, content.subarray(50_000))).status).toBe(204);
      });
    });

    it('continue while the gateway has not noticed that the connection broke', async () => {
      const silent = sending(0);
      silent.write(content.subarray(0, 50_000));
      await eventually(() => expect(sizeOnDisk()).toBe(50_000));
      expect((await send(50_000, content.subarray(50_000))).headers['upload-offset']).toBe('100000');
      silent.destroy();
    });

    it('tell a client that sends too much why that is refused', async () => {
      const much = requestHttp({
        ...{ port, host: '127.0.0.1', method: 'PATCH', path: `/api/v1/uploads/${id}`, agent: false },
        headers: { ...bytes, authorization: `Bearer ${house.token}`, 'upload-offset': '0' },
      });
      const answered = once(much, 'response') as Promise<[IncomingMessage]>;
      much.end(Buffer.alloc(2 * content.length));
      const [answer] = await answered;
      expect(answer.statusCode).toBe(413);
      answer.resume();
    });

    it('come over a slow line for longer than other requests may', async () => {
      const server = house.gateway.app.getHttpServer() as Server;
      const connected = once(server, 'connection') as Promise<[Socket]>;
      const slow = sending(0);
      const answered = once(slow, 'response') as Promise<[IncomingMessage]>;
      slow.write(content.subarray(0, 50_000));
      await eventually(() => expect(sizeOnDisk()).toBe(50_000));
      const [socket] = await connected;
      // As Node does when a request has taken longer than its `requestTimeout`.
      server.emit('clientError', Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);
      slow.end(content.subarray(50_000));
      const [answer] = await answered;
      expect(answer.statusCode).toBe(204);
      answer.resume();
      const other = once(server, 'connection') as Promise<[Socket]>;
      const login = requestHttp({ port, host: '127.0.0.1', method: 'POST', path: '/api/v1/auth/login', agent: false });
      const cut = once(
        login.on('error', () => undefined),
        'close',
      );
      login.setHeader('content-type', 'application/json').write('{');
      server.emit(
        'clientError',
        Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }),
        (await other)[0],
      );
      await cut;
    });

    it('are cut when nothing comes, and keep what has come', async () => {
      const silent = Readable.from([content.subarray(0, 50_000)], { objectMode: false });
      const hanging = new PassThrough();
      silent.pipe(hanging, { end: false });
      const uploads = house.gateway.app.get(Uploads);
      const { userId } = JSON.parse(readFileSync(join(folder, `${id}.json`), 'utf8')) as { userId: string };
      await expect(uploads.receive(id, userId, 0, hanging, 20)).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('0.02 s'),
      });
      expect(sizeOnDisk()).toBe(50_000);
    });
  });

  describe('that an image is made of', () => {
    const make = (more: object = {}) =>
      house.call<{ id: string; code: string; detail: string }>('POST', '/hosts/kvm-a/images', {
        ...{ name: 'uploaded', upload: id },
        ...more,
      });
    const livesMs = (expires: string) => Date.parse(expires) - Date.now();
    /** As it is in the command that the agent got. */
    const ticket = () =>
      eventually(() => {
        const input = agent.inputs.find((one) => (one as { upload?: string }).upload === id) as { ticket: string };
        expect(input).toEqual({ name: 'uploaded', upload: id, ticket: expect.any(String) });
        return input.ticket;
      });

    it('have come whole before', async () => {
      await send(0, content.subarray(0, 60_000));
      const refused = await make();
      expect([refused.status, refused.body.code]).toEqual([409, 'wrong-state']);
      expect(refused.body.detail).toContain('60000 of 100000');
      const nothing = await make({ upload: 'b'.repeat(24) });
      expect([nothing.status, nothing.body.code]).toEqual([404, 'upload-not-found']);
      const both = await make({ url: 'https://images.example/a.iso' });
      expect([both.status, both.body.code]).toEqual([400, 'invalid-input']);
    });

    it('are read by the agent with its ticket alone, whole or from where it was, and expire soon when the image is there', async () => {
      await send(0, content);
      agent.failures.set('image.create', new ProblemError('host-rejected', 'The disk is broken.'));
      const gate = agent.hold('image.create');
      const { body } = await make();
      const shown = { [uploadTicketHeader]: await ticket() };
      const whole = await read(shown);
      expect([whole.status, whole.headers['content-length']]).toEqual([200, '100000']);
      const tag = whole.headers['last-modified']!;
      const rest = await read({ ...shown, range: 'bytes=99990-', 'if-range': tag });
      expect([rest.status, rest.headers['content-range']]).toEqual([206, 'bytes 99990-99999/100000']);
      for (const headers of [{}, { [uploadTicketHeader]: 'guess' }, { authorization: `Bearer ${house.token}` }])
        expect((await read(headers as Record<string, string>)).status).toBe(404);
      gate.release();
      const failed = await eventually(async () => {
        const { body: operation } = await house.call<Operation>('GET', `/operations/${body.id}`);
        expect(operation.status).toBe('failed');
        return operation;
      });
      expect(JSON.stringify(failed)).not.toContain(shown[uploadTicketHeader]);
      agent.failures.clear();
      const retried = await house.call<Operation>('POST', `/operations/${body.id}/retry`);
      expect(retried.status).toBe(202);
      await eventually(async () => expect(livesMs((await head()).headers['upload-expires']!)).toBeLessThan(601_000));
      expect((await read(shown)).status).toBe(404);
    });

    it('serve several hosts, and expire soon when the last has its image', async () => {
      await send(0, content);
      const names = ['one', 'two'];
      agent.failures.set('image.create', new ProblemError('host-rejected', 'The disk is broken.'));
      const { body: failed } = await make({ name: names[0] });
      const ended = (operation: string, status: string) =>
        eventually(async () =>
          expect((await house.call<Operation>('GET', `/operations/${operation}`)).body.status).toBe(status),
        );
      await ended(failed.id, 'failed');
      agent.failures.clear();
      const gate = agent.hold('image.create');
      const asked = await Promise.all(names.map((name) => make({ name })));
      gate.release();
      for (const { body } of asked) await ended(body.id, 'succeeded');
      await eventually(async () => expect(livesMs((await head()).headers['upload-expires']!)).toBeLessThan(601_000));
      expect(readdirSync(folder).filter((file) => file.endsWith('.ticket'))).toEqual([]);
    });
  });
});
