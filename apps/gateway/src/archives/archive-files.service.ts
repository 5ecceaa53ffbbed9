import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeEvent, publishEvent, type Bus } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { archiveUpdated, type Archive, type Problem } from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';

describe('the files of an archive', () => {
  let house: TestHouse;
  let bus: Bus;
  let parent: string;
  let root: string;
  const own = `quote"d é 🚀%.txt`;

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'archive-files-'));
    root = join(parent, 'permanent_vms');
    const folder = join(root, 'mine');
    await mkdir(join(folder, 'vm_files', 'deep'), { recursive: true });
    await mkdir(join(root, 'other'));
    await writeFile(join(parent, 'secret'), 'secret');
    await writeFile(join(root, 'other', 'README.md'), 'of another');
    await writeFile(join(folder, 'README.md'), '0123456789');
    await writeFile(join(folder, 'script.html'), '<script>alert(1)</script>');
    await writeFile(join(folder, '.hidden'), 'hidden');
    await writeFile(join(folder, own), 'own');
    await writeFile(join(folder, 'empty'), '');
    await writeFile(join(folder, 'vm_files', 'domain.xml'), `<domain>${'x'.repeat(10_000)}</domain>`);
    await writeFile(join(folder, 'vm_files', 'deep', 'disk.qcow2'), Buffer.alloc(3_000_000, 7));
    await symlink(join(parent, 'secret'), join(folder, 'vm_files', 'linked.qcow2'));
    await symlink(parent, join(folder, 'up'));
    await symlink('nowhere', join(folder, 'dangling'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await symlink(parent, join(root, 'link'));
    house = await TestHouse.start({ environment: { POLYVIRT_ARCHIVE_PATH: root } });
    bus = await house.connect('admin');
    for (const [vm, name] of Object.entries({
      a: 'mine',
      b: '..',
      c: 'mine/../..',
      d: '/etc',
      e: 'link',
      f: 'gone',
      g: '',
    }))
      await tell(vm, name);
    await eventually(async () => expect((await house.call('GET', '/archives/kvm-a~g')).status).toBe(200));
  });
  afterAll(async () => {
    await house.stop();
    await rm(parent, { recursive: true, force: true });
  });

  const tell = async (vm: string, folder: string) => {
    const archive: Archive = {
      ...{ vmId: `kvm-a~${vm}`, name: vm, folder, path: join(root, folder), files: [], history: [] },
      ...{ createdAt: '2026-11-21T10:00:00Z', updatedAt: '2026-11-21T10:00:00Z' },
    };
    await publishEvent(
      bus,
      'kvm-a',
      makeEvent(archiveUpdated, { id: vm, source: '/hosts/kvm-a/organizer', subject: archive.vmId, data: { archive } }),
    );
  };
  const get = <Body = string>(path: string, headers: Record<string, string> = {}, vm = 'a') =>
    house.call<Body>('GET', `/archives/kvm-a~${vm}/files/${path}`, undefined, headers);

  it('are sent whole, as what they are, to be saved under their names', async () => {
    const readme = await get('README.md');
    expect([readme.status, readme.text]).toEqual([200, '0123456789']);
    expect(readme.headers).toMatchObject({
      'content-type': 'text/markdown; charset=utf-8',
      'content-length': '10',
      'content-disposition': `attachment; filename="README.md"; filename*=UTF-8''README.md`,
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    const types = {
      'vm_files/domain.xml': 'application/xml; charset=utf-8',
      'vm_files/deep/disk.qcow2': 'application/octet-stream',
      'script.html': 'application/octet-stream',
      '.hidden': 'application/octet-stream',
      empty: 'application/octet-stream',
    };
    for (const [path, type] of Object.entries(types)) {
      const { status, headers } = await get(path);
      expect([path, status, headers['content-type']]).toEqual([path, 200, type]);
      expect(headers['content-disposition']).toMatch(/^attachment;/);
    }
    const strange = await get(encodeURIComponent(own));
    expect([strange.status, strange.text]).toEqual([200, 'own']);
    expect(strange.headers['content-disposition']).toBe(
      `attachment; filename="quote_d _ ___.txt"; filename*=UTF-8''quote%22d%20%C3%A9%20%F0%9F%9A%80%25.txt`,
    );
  });

  it('are sent in ranges, and not at all to who has them', async () => {
    const part = await get('README.md', { range: 'bytes=2-4' });
    expect([part.status, part.text, part.headers['content-range']]).toEqual([206, '234', 'bytes 2-4/10']);
    expect((await get('README.md', { range: 'bytes=-3' })).text).toBe('789');
    expect((await get('README.md', { range: 'bytes=7-99' })).text).toBe('789');
    const beyond = await get<Problem>('README.md', { range: 'bytes=10-' });
    expect([beyond.status, beyond.body.code, beyond.headers['content-range']]).toEqual([
      416,
      'range-not-satisfiable',
      'bytes */10',
    ]);
    const { etag } = (await get('README.md')).headers;
    expect((await get('README.md', { 'if-none-match': etag! })).status).toBe(304);
    expect((await get('README.md', { range: 'bytes=2-4', 'if-range': '"other"' })).text).toBe('0123456789');
    const packed = await get('vm_files/domain.xml', { range: 'bytes=0-7', 'accept-encoding': 'gzip' });
    expect([packed.status, packed.text, packed.headers['content-encoding']]).toEqual([206, '<domain>', undefined]);
  });

  const traps = [
    '..%2f..%2fsecret',
    '..%2Fother%2FREADME.md',
    '%2e%2e/other/README.md',
    'vm_files/..%2f..%2fother/README.md',
    'vm_files/%2e%2e/README.md',
    '%2fetc%2fpasswd',
    '/etc/passwd',
    '..%5c..%5csecret',
    'README.md%00.txt',
    'README.md/',
    'README.md/x',
    './README.md',
    '%2e/README.md',
    '',
    'vm_files',
    'vm_files/',
    'pipe',
    'none',
    'a'.repeat(100),
    'up/secret',
    'up/permanent_vms/other/README.md',
  ];
  it.each(traps)('lead to nothing else by %s', async (path) => {
    // As it stands: a client of ours would tidy it up.
    const { status, body, text } = await raw(path);
    expect(text).not.toMatch(/secret"|of another|root:|0123456789/);
    expect([404, 403]).toContain(status);
    expect(['file-not-found', 'route-not-found', 'forbidden']).toContain(body.code);
  });

  const raw = async (path: string) => {
    await house.gateway.app.listen(0, '127.0.0.1').catch(() => undefined);
    const { port } = new URL(await house.gateway.app.getUrl());
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1');
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.once('close', () => resolve(Buffer.concat(chunks).toString()));
      socket.once('error', reject);
      const lines = [`GET /api/v1/archives/kvm-a~a/files/${path} HTTP/1.1`, 'host: x', 'connection: close'];
      socket.write([...lines, `authorization: Bearer ${house.token}`, '', ''].join('\r\n'));
    });
    const status = Number(text.split(' ')[1]);
    return { text, status, body: JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as Problem };
  };

  it('are no links, wherever they lead', async () => {
    for (const path of ['vm_files/linked.qcow2', 'dangling', 'up/secret']) {
      const { status, body } = await get<Problem>(path);
      expect([path, status, body.code]).toEqual([path, 403, 'forbidden']);
    }
  });

  it('are below the root of the archives, whatever an event calls the folder', async () => {
    for (const vm of ['b', 'c', 'd', 'e', 'f', 'g']) {
      const { status, body } = await get<Problem>('secret', {}, vm);
      expect([vm, [403, 404].includes(status), body.code]).toEqual([
        vm,
        true,
        expect.stringMatching(/not-found|forbidden/),
      ]);
    }
    expect((await get<Problem>('README.md', {}, 'nobody')).body.code).toBe('archive-not-found');
  });

  it('are for who may read the files of hosts', async () => {
    const path = '/api/v1/archives/kvm-a~a/files/README.md';
    const statusTo = async (token?: string) =>
      (await house.gateway.call('GET', path, { ...(token !== undefined && { token }) })).status;
    expect(await statusTo(await house.gateway.as('operator'))).toBe(200);
    expect(await statusTo(await house.gateway.as('viewer'))).toBe(403);
    expect(await statusTo()).toBe(401);
  });
});
