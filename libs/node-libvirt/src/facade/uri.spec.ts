import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findSocket } from '../connection/transport.ts';
import { parseTarget } from './uri.ts';

describe('parseTarget', () => {
  it.each([
    ['qemu+tcp://host/system', 'qemu:///system', { kind: 'tcp', host: 'host' }],
    ['qemu+tcp://host:1234/system', 'qemu:///system', { kind: 'tcp', host: 'host', port: 1234 }],
    ['qemu+tcp://[::1]:1234/system', 'qemu:///system', { kind: 'tcp', host: '::1', port: 1234 }],
    ['qemu://host/system', 'qemu:///system', { kind: 'tls', host: 'host' }],
    ['qemu+tls://host/system?no_verify=1', 'qemu:///system', { kind: 'tls', tls: { rejectUnauthorized: false } }],
    ['qemu+unix:///system?socket=/run/my-sock', 'qemu:///system', { kind: 'unix', socketPath: '/run/my-sock' }],
    ['qemu+ssh://root@host:22/system', 'qemu:///system', { kind: 'custom' }],
  ])('understands %s', async (text, uri, transport) => {
    const target = parseTarget(text, {});
    expect(target.uri).toBe(uri);
    expect(await target.transport()).toMatchObject(transport);
  });

  it('takes a socket or a transport over what the URI says', async () => {
    expect(await parseTarget('test:///default', { socketPath: '/s' }).transport()).toEqual({
      kind: 'unix',
      socketPath: '/s',
    });
    const transport = { kind: 'tcp', host: 'other' } as const;
    expect(await parseTarget('qemu+tls://host/system', { transport }).transport()).toBe(transport);
  });

  it('verifies TLS unless it is told otherwise', async () => {
    expect(await parseTarget('qemu://host/system', {}).transport()).toEqual({ kind: 'tls', host: 'host', tls: {} });
  });

  it.each(['nonsense', 'qemu', 'qemu+tcp:///system', 'qemu+carrier://host/system', 'qemu+tcp://:99/system'])(
    'refuses %s',
    (text) => expect(() => parseTarget(text, {})).toThrow(TypeError),
  );

  it.each(['qemu+ssh://-oProxyCommand=x/system', 'qemu+ssh://host/sys"tem', 'qemu+ssh://host/$(reboot)'])(
    'lets no shell or option through in %s',
    (text) => expect(() => parseTarget(text, {})).toThrow('unsafe'),
  );
});

describe('findSocket', () => {
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'libvirt-run-'));
  });

  afterAll(() => rm(directory, { recursive: true }));

  it('prefers the modular daemon and says what it looked for', async () => {
    await expect(findSocket({ directory })).rejects.toThrow('no libvirt daemon listens here');
    await writeFile(join(directory, 'libvirt-sock'), '');
    await writeFile(join(directory, 'libvirt-sock-ro'), '');
    expect(await findSocket({ directory })).toBe(join(directory, 'libvirt-sock'));
    expect(await findSocket({ directory, readOnly: true })).toBe(join(directory, 'libvirt-sock-ro'));
    await writeFile(join(directory, 'virtqemud-sock'), '');
    expect(await findSocket({ directory })).toBe(join(directory, 'virtqemud-sock'));
  });
});
