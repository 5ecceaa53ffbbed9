import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Domain } from '@polyvirt/node-libvirt';
import { LiveHost } from './testing/live-host.ts';

/** Each test starts QEMUs, which takes long where all CPUs are taken. */
const timeoutMs = 120_000;

describe('the serial port of a domain', () => {
  let host: LiveHost;
  const open: Duplex[] = [];

  beforeAll(async () => {
    host = await LiveHost.open();
  }, timeoutMs);
  afterEach(() => {
    for (const terminal of open.splice(0)) terminal.destroy();
  });
  afterAll(() => host.close(), timeoutMs);

  const look = async ({ uuid }: Domain): Promise<Duplex> => {
    const terminal = await host.driver.console.text!(uuid, AbortSignal.timeout(timeoutMs));
    open.push(terminal);
    return terminal;
  };
  const running = async (name: string, devices: string): Promise<Domain> => {
    const domain = await host.define({ name, devices });
    await domain.start();
    return domain;
  };

  it(
    'is the one that libvirt can bring, behind those that go elsewhere',
    async () => {
      const log = join(tmpdir(), `${host.prefix}serial.log`);
      const elsewhere = `<serial type='file'><source path='${log}'/><target port='0'/></serial>`;
      const domain = await running('two', `${elsewhere}<serial type='pty'><target port='1'/></serial>`);
      expect(await host.driver.get(domain.uuid)).toMatchObject({ serialPort: true });
      const ended = once(await look(domain), 'close');
      await domain.destroy();
      await ended;

      const none = await running('none', elsewhere.replace('serial.log', 'other.log'));
      expect(await host.driver.get(none.uuid)).toMatchObject({ serialPort: false });
      await expect(look(none)).rejects.toMatchObject({
        code: 'host-rejected',
        message: expect.stringContaining('no serial port'),
      });
      await Promise.all(
        ['serial.log', 'other.log'].map((file) => rm(join(tmpdir(), host.prefix + file), { force: true })),
      );
    },
    timeoutMs,
  );

  it(
    'says when another program of the host has taken it over',
    async () => {
      const domain = await running('taken', `<serial type='pty'/>`);
      const terminal = await look(domain);
      const lost = once(terminal, 'error');
      // As `virsh console --force` does.
      open.push((await domain.openConsole({ force: true })).on('error', () => undefined));
      expect(await lost).toMatchObject([
        { code: 'host-rejected', message: 'Another program on the host has taken this console over.' },
      ]);
    },
    timeoutMs,
  );
});
