import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { readConfig } from '@polyvirt/config';
import type { JoinInvitation } from '@polyvirt/contracts';
import { generate } from 'selfsigned';
import { gatewayConfig } from '../config.ts';
import { TestHouse } from '../testing/test-house.ts';
import { exposureFault } from './exposure.ts';
import { TlsFiles } from './tls.ts';

/** A certificate that vouches for itself. */
const certificateFor = (name: string, days = 365) =>
  generate([{ name: 'commonName', value: name }], {
    algorithm: 'sha256',
    keySize: 2048,
    notAfterDate: new Date(Date.now() + days * 86_400_000),
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: name }] }],
  });

describe('a gateway with a certificate', () => {
  let folder: string;
  let house: TestHouse;
  let port: number;
  const files = { cert: '', key: '' };
  const write = async (pair: { cert: string; private: string }) => {
    // As a program does that renews certificates: each file by itself.
    for (const [file, text] of [
      [files.cert, pair.cert],
      [files.key, pair.private],
    ] as const) {
      await writeFile(`${file}.new`, text, { mode: 0o600 });
      await rename(`${file}.new`, file);
    }
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-tls-'));
    files.cert = join(folder, 'cert.pem');
    files.key = join(folder, 'key.pem');
    await write(await certificateFor('polyvirt.example'));
    house = await TestHouse.start({
      times: { certificateLookMs: 20 },
      environment: { POLYVIRT_TLS_CERT: files.cert, POLYVIRT_TLS_KEY: files.key, POLYVIRT_TLS_CA: files.cert },
    });
    await house.gateway.app.listen(0, '127.0.0.1');
    ({ port } = house.gateway.app.getHttpServer().address() as { port: number });
  });
  afterAll(async () => {
    await house?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const shown = async (): Promise<PeerCertificate> => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerCertificate();
    socket.destroy();
    return certificate;
  };
  /** As a browser that has the certificate as its authority. */
  const ask = async (host: string): Promise<{ status: number; headers: NodeJS.Dict<string | string[]> }> => {
    const ca = await readFile(files.cert);
    const request = get({
      ...{ host: '127.0.0.1', port, path: '/healthz', agent: false, ca },
      ...{ servername: 'polyvirt.example', headers: { host } },
    });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    return { status: response.statusCode!, headers: response.headers };
  };

  it('speaks HTTPS, tells browsers to keep to it, and goes by the name in the certificate and no other', async () => {
    const { status, headers } = await ask(`polyvirt.example:${port}`);
    expect([status, headers['strict-transport-security']]).toEqual([200, expect.stringContaining('max-age')]);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, 'gateway'])
      expect([host, (await ask(host)).status]).toEqual([host, 200]);
    for (const host of ['rebound.example', 'polyvirt.example.evil', `evil.polyvirt.example:${port}`])
      expect([host, await ask(host)]).toMatchObject([
        host,
        { status: 400, headers: { 'x-request-id': expect.any(String), 'x-content-type-options': 'nosniff' } },
      ]);
  });

  it('opens no WebSocket by another name, whatever the path', async () => {
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    const statusOf = async (path: string, host: string) => {
      const request = get({
        ...{ host: '127.0.0.1', port, path, agent: false, rejectUnauthorized: false },
        headers: { ...upgrade, host, 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', origin: `https://${host}` },
      });
      request.once('upgrade', (_response, socket) => socket.destroy());
      const answer = await Promise.race([
        once(request, 'response').then(([response]) => (response as IncomingMessage).statusCode),
        once(request, 'upgrade').then(() => 101),
      ]);
      request.destroy();
      return answer;
    };
    for (const path of ['/socket.io/?EIO=4&transport=websocket', '/api/v1/console?ticket=x', '/elsewhere'])
      expect([path, await statusOf(path, 'rebound.example')]).toEqual([path, 400]);
    expect(await statusOf('/socket.io/?EIO=4&transport=websocket', 'polyvirt.example')).toBe(101);
    expect(await statusOf('/elsewhere', 'polyvirt.example')).toBe(404);
  });

  it('gives hosts that join the fingerprint of its authority', async () => {
    const { body } = await house.call<JoinInvitation>('POST', '/hosts', { id: 'kvm-tls', hypervisor: 'kvm' });
    const { raw } = new X509Certificate(await readFile(files.cert));
    const sha256 = createHash('sha256').update(raw).digest('hex');
    expect(body).toMatchObject({ caSha256: sha256, command: expect.stringContaining(`--ca-sha256 ${sha256}`) });
    await house.call('DELETE', '/hosts/kvm-tls');
  });

  it('shows a certificate that was renewed to whoever comes next, and never one without its key', async () => {
    const before = (await shown()).fingerprint256;
    const open = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    await once(open, 'secureConnect');
    const next = await certificateFor('polyvirt.example');
    await writeFile(files.cert, next.cert);
    // Whoever starts now has to be told; who runs goes on.
    expect(() => new TlsFiles(files.cert, files.key)).toThrow(/cannot be used together/);
    expect((await shown()).fingerprint256).toBe(before);
    await writeFile(files.key, next.private);
    const { fingerprint256 } = new X509Certificate(next.cert);
    await eventually(async () => expect((await shown()).fingerprint256).toBe(fingerprint256));
    expect(open.destroyed).toBe(false);
    open.destroy();
    expect((await ask('polyvirt.example')).status).toBe(200);
  });

  it('says when its certificate is about to expire', async () => {
    const [soon, gone] = [await certificateFor('a.example', 3), await certificateFor('a.example', -1)];
    const [cert, key] = [join(folder, 'other.pem'), join(folder, 'other-key.pem')];
    const warningOf = async (pair: { cert: string; private: string }) => {
      await writeFile(cert, pair.cert);
      await writeFile(key, pair.private);
      return new TlsFiles(cert, key).warning;
    };
    expect(await warningOf(soon)).toMatch(/expires in [23] days/);
    expect(await warningOf(gone)).toMatch(/has expired/);
    expect(new TlsFiles(files.cert, files.key).warning).toBeUndefined();
  });

  it('does not start with files that are of no use, and says which', async () => {
    const none = join(folder, 'none.pem');
    const of = (settings: Record<string, string>) => () =>
      TlsFiles.of(
        readConfig(gatewayConfig, {
          POLYVIRT_JWT_SECRET: 'c'.repeat(32),
          POLYVIRT_NATS_CREDENTIALS: 'x',
          ...settings,
        }),
      );
    const pair = { POLYVIRT_TLS_CERT: files.cert, POLYVIRT_TLS_KEY: files.key };
    const stranger = join(folder, 'stranger.pem');
    await writeFile(stranger, (await certificateFor('another.example')).cert);
    expect(of({ POLYVIRT_TLS_CERT: files.cert })).toThrow(/belong together: give both/);
    const ofNone: Record<string, string>[] = [
      { ...pair, POLYVIRT_TLS_KEY: none },
      { ...pair, POLYVIRT_TLS_CA: none },
      { POLYVIRT_TLS_CA: none },
    ];
    for (const settings of ofNone) expect(of(settings)).toThrow(`${none} cannot be read`);
    expect(of({ POLYVIRT_TLS_CA: files.key })).toThrow(`no certificate in PEM in ${files.key}`);
    expect(of({ ...pair, POLYVIRT_TLS_CA: stranger })).toThrow(/is not among the certificates/);
    expect(of(pair)()?.caSha256).toBeUndefined();
    expect(of({})()).toBeUndefined();
  });
});

describe('beyond this machine', () => {
  const fault = (settings: Record<string, string>) =>
    exposureFault(
      readConfig(gatewayConfig, {
        POLYVIRT_JWT_SECRET: 'c'.repeat(32),
        POLYVIRT_NATS_CREDENTIALS: 'x',
        ...settings,
      }),
    );

  it('a gateway listens with TLS, or behind a proxy that it was told of, and not otherwise', () => {
    for (const listen of ['0.0.0.0', '::', '192.0.2.7', 'polyvirt.example'])
      expect(fault({ POLYVIRT_LISTEN: listen })).toContain('POLYVIRT_TLS_CERT');
    for (const listen of ['127.0.0.1', '127.1.2.3', '::1', 'localhost'])
      expect(fault({ POLYVIRT_LISTEN: listen })).toBeUndefined();
    expect(fault({ POLYVIRT_LISTEN: '0.0.0.0', POLYVIRT_TRUST_PROXY: '192.0.2.1' })).toBeUndefined();
    expect(fault({ POLYVIRT_LISTEN: '::', POLYVIRT_TLS_CERT: 'a', POLYVIRT_TLS_KEY: 'b' })).toBeUndefined();
  });
});
