import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request, Agent } from 'undici';
import { connector, connectTrusted, type TlsTrust } from './tls.ts';

/** Somebody between the agent and Prism, with a certificate of the right authority that is of another machine. */
describe('a server that has a good certificate and is another one', () => {
  let folder: string;
  let server: Server;
  let certificate: string;
  let port: number;
  const asked: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-another-'));
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
        ...['-subj', '/CN=other.example', '-addext', 'subjectAltName=DNS:other.example', '-keyout', key, '-out', cert],
      ],
      { stdio: 'ignore' },
    );
    certificate = await readFile(cert, 'utf8');
    server = createServer({ key: await readFile(key), cert: certificate }, ({ headers }, response) => {
      asked.push(headers.authorization ?? '');
      response.end('{}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  const ask = async (host: string, trust: TlsTrust) => {
    const dispatcher = new Agent({ connect: connector(trust, 10_000) });
    try {
      const { statusCode } = await request(`https://${host}:${port}/`, {
        dispatcher,
        headers: { authorization: 'Basic c2VjcmV0' },
      });
      return statusCode;
    } finally {
      await dispatcher.destroy();
    }
  };

  it.each(['127.0.0.1', 'localhost'])('gets no password by the name of %s', async (host) => {
    const before = asked.length;
    await expect(ask(host, { ca: certificate })).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    const url = new URL(`https://${host}:${port}/`);
    await expect(connectTrusted(url, { ca: certificate }, AbortSignal.timeout(10_000))).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(asked).toHaveLength(before);
  });

  it('is let in by who says that any certificate will do, which is what this proves itself by', async () => {
    expect(await ask('127.0.0.1', { insecure: true })).toBe(200);
    expect(asked).toContain('Basic c2VjcmV0');
  });
});
