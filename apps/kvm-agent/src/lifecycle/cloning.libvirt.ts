import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { LiveHost } from '../testing/live-host.ts';

const timeoutMs = 60_000;

describe('a clone on libvirt', () => {
  let host: LiveHost;

  beforeAll(async () => {
    host = await LiveHost.open();
  }, timeoutMs);
  afterAll(() => host.close(), timeoutMs);

  const clone = (from: string, as: string) => {
    const input = { name: `${host.prefix}${as}`, linked: false, start: false };
    return host.run((context) => host.driver.clone.clone(from, input, context));
  };

  it(
    'runs beside a source that has files, ports and sockets of the host, and says what its own are',
    async () => {
      // A port that somebody else has is no port for the clone.
      const others = createServer().listen(0, '127.0.0.1');
      await once(others, 'listening');
      const taken = (others.address() as { port: number }).port;
      const file = (name: string) => `${host.pool.path}/${name}`;
      const uuid = randomUUID();
      const definition = host.xml({
        name: `${host.prefix}bound`,
        os: `<smbios mode='sysinfo'/>`,
        head: `<title>A &amp; B</title><metadata><app:x xmlns:app='http://example.org/app'><app:note>a&lt;b &amp; c</app:note></app:x></metadata><memory unit='MiB'>32</memory><vcpu>1</vcpu>
          <sysinfo type='smbios'><system><entry name='uuid'>${uuid}</entry></system></sysinfo>`,
        devices: [
          `<interface type='network'><source network='default'/><target dev='pvcase0'/></interface>`,
          `<serial type='tcp'><source mode='bind' host='127.0.0.1' service='${taken - 1}'/><protocol type='telnet'/><target port='0'/></serial>`,
          `<serial type='file'><source path='/var/log/libvirt/qemu/${host.prefix}bound-console.log' append='on'/><target port='1'/></serial>`,
          `<channel type='unix'><source mode='bind' path='${file('bound.agent')}'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>`,
          `<graphics type='vnc'><listen type='socket' socket='/var/lib/libvirt/qemu/${host.prefix}bound.vnc'/></graphics><video><model type='vga'/></video>`,
        ].join(''),
        tail: `<qemu:commandline><qemu:arg value='-name'/><qemu:arg value='guest=bound'/></qemu:commandline>`,
      });
      const source = await host.libvirt.domains.define(definition.replace(/<uuid>.*?<\/uuid>/, `<uuid>${uuid}</uuid>`));
      const { nativeId, notes } = await clone(source.uuid, 'copy');
      const copy = host.libvirt.domains.reference(nativeId);
      await source.start();
      await copy.start();
      expect(await host.stateOf(source.uuid)).toBe('running');
      expect(await host.stateOf(nativeId)).toBe('running');
      const told = notes!.join('\n');
      expect(told).toContain(`port ${taken + 1}`);
      expect(told).toContain(`-console-${nativeId}.log`);
      expect(told).toContain('-name guest=bound');
      const xml = await copy.xml({ inactive: true });
      expect(xml).toContain('<title>A &amp; B</title>');
      expect(xml).toContain('a&lt;b &amp; c');
      others.close();
      for (const { uuid: doomed } of [source, copy]) {
        const domain = host.libvirt.domains.reference(doomed);
        await domain.destroy();
        const removal = await host.run((context) => host.driver.delete(doomed, { disks: 'delete' }, context));
        const log = removal.notes!.join('\n').match(/Kept (\S+-console\S*\.log):/)![1]!;
        expect(log).toContain(doomed === nativeId ? nativeId : 'console.log');
        await rm(log);
      }
    },
    timeoutMs,
  );
});
