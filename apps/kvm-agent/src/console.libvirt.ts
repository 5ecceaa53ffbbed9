import { once } from 'node:events';
import { rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { CreateVm } from '@polyvirt/contracts';
import type { Domain } from '@polyvirt/node-libvirt';
import { LiveHost } from './testing/live-host.ts';
import { enterScreen } from './vnc/screen.ts';

/** Each test starts QEMUs, which takes long where all CPUs are taken. */
const timeoutMs = 120_000;

describe('the console of a domain', () => {
  let host: LiveHost;
  const open: Duplex[] = [];

  beforeAll(async () => {
    host = await LiveHost.open();
  }, timeoutMs);
  afterEach(() => {
    for (const screen of open.splice(0)) screen.destroy();
  });
  afterAll(() => host.close(), timeoutMs);

  const look = async ({ uuid }: Domain): Promise<Duplex> => {
    const screen = await host.driver.console!.graphic!(uuid, AbortSignal.timeout(timeoutMs));
    open.push(screen);
    return screen;
  };
  const running = async (name: string, graphics: string): Promise<Domain> => {
    const domain = await host.define({ name, devices: `${graphics}<video><model type='vga'/></video>` });
    await domain.start();
    return domain;
  };

  it(
    'of a machine of ours is on a socket that nobody else of the host can open',
    async () => {
      const body = CreateVm.parse({ name: `${host.prefix}ours`, memoryMiB: 32, start: true });
      const { nativeId } = await host.run((context) => host.driver.create(body, context));
      const domain = await host.libvirt.domains.get(nativeId);
      const xml = await domain.xml();
      expect(xml).not.toMatch(/<listen type='address'/);
      const path = /socket='([^']+)'/.exec(xml)![1]!;
      // To connect one has to be able to write; that are QEMU's user and group.
      expect((await stat(path)).mode & 0o002).toBe(0);
      expect((await enterScreen(await look(domain), undefined)).name).toBe(`QEMU (${host.prefix}ours)`);
    },
    timeoutMs,
  );

  it.each([
    ['a port', `<graphics type='vnc' port='-1' autoport='yes'><listen type='address' address='127.0.0.1'/></graphics>`],
    [
      'a password',
      `<graphics type='vnc' port='-1' autoport='yes' passwd='s3cret'><listen type='address' address='127.0.0.1'/></graphics>`,
    ],
    ['a socket and a password', `<graphics type='vnc' passwd='s3cret'><listen type='socket'/></graphics>`],
  ])(
    'with %s lets the viewer in, who needs to know nothing of it',
    async (kind, graphics) => {
      const domain = await running(kind.replaceAll(' ', '-'), graphics);
      const screen = await look(domain);
      // A viewer's handshake is what the agent's own is with QEMU.
      expect((await enterScreen(screen, undefined)).name).toBe(`QEMU (${domain.name})`);
      // Asks for the whole picture: what is behind the handshake is the machine's own.
      screen.write(Buffer.from([3, 0, 0, 0, 0, 0, 0, 8, 0, 8]));
      screen.resume();
      const [update] = (await once(screen, 'data')) as [Buffer];
      expect(update[0]).toBe(0);
    },
    timeoutMs,
  );

  it(
    'ends with the machine',
    async () => {
      const domain = await running('ending', `<graphics type='vnc'><listen type='socket'/></graphics>`);
      const screen = await look(domain);
      await enterScreen(screen, undefined);
      const closed = once(screen, 'close');
      await domain.destroy();
      await closed;
    },
    timeoutMs,
  );

  it(
    'is refused where there is none, and where the screen that answers is that of another machine',
    async () => {
      // Below its own folder libvirt gives each machine a path of its own, whatever the definition says.
      const path = join(tmpdir(), `${host.prefix}both.vnc`);
      const graphics = `<graphics type='vnc'><listen type='socket' socket='${path}'/></graphics>`;
      const none = await host.define({ name: 'none', devices: `<serial type='pty'/>` });
      const [first] = await Promise.all([running('first', graphics), none.start()]);
      expect(await host.driver.get(none.uuid)).toMatchObject({ display: false });
      await expect(look(none)).rejects.toMatchObject({
        code: 'host-rejected',
        message: expect.stringContaining('no VNC'),
      });

      expect(await host.driver.get(first.uuid)).toMatchObject({ display: true });
      // Takes the socket over.
      const second = await running('second', graphics);
      await enterScreen(await look(second), undefined);
      // A QEMU that takes its time to answer is found out when the viewer waits for it already.
      await expect(look(first).then((screen) => enterScreen(screen, undefined))).rejects.toMatchObject({
        code: 'host-rejected',
        message: expect.stringContaining(`${host.prefix}second`),
      });
      await rm(path, { force: true });
    },
    timeoutMs,
  );
});
