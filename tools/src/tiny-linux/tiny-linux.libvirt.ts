import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureTinyLinux, run } from '../index.ts';
import { imageCache } from '../places.ts';
import { ensureLibvirt, NETWORK } from '../machine/libvirt.ts';

const URI = 'qemu:///system';
const silent = () => undefined;
/** For a guest that hangs, on the slowest machine. */
const PATIENCE_MS = 300_000;

const virsh = (...args: string[]) => run('virsh', ['-q', '-c', URI, ...args]);

async function eventually<T>(what: string, look: () => Promise<T | undefined>, timeoutMs: number): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs / 1000} s`);
    await delay(100);
  }
}

describe('tiny-linux under libvirt', () => {
  const name = `polyvirt-tools-${randomBytes(4).toString('hex')}`;
  const macs = [0, 1].map(() => ['52', '54', '00', ...randomBytes(3).toString('hex').match(/../g)!].join(':'));
  let folder: string;
  let console_: string;

  const lease = async (mac: string | undefined) =>
    new RegExp(`${mac}\\s+ipv4\\s+([0-9.]+)/`).exec(await virsh('net-dhcp-leases', NETWORK))?.[1];

  beforeAll(async () => {
    await ensureLibvirt({ log: silent });
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-tiny-linux-'));
    // QEMU runs as a user of its own and has to reach the disk.
    await chmod(folder, 0o711);
    const image = await ensureTinyLinux({ cacheDir: imageCache, target: join(folder, 'image.qcow2'), log: silent });
    const disk = join(folder, 'disk.qcow2');
    await copyFile(image, disk);

    const seed = join(folder, 'seed');
    await run('mkdir', [seed]);
    await writeFile(join(seed, 'meta-data'), 'instance-id: i-1\nlocal-hostname: web-1\n');
    await writeFile(
      join(seed, 'user-data'),
      '#cloud-config\nruncmd:\n  - echo "seed ran on $(hostname)" >/dev/console\n',
    );
    const iso = join(folder, 'seed.iso');
    await run('xorriso', ['-as', 'mkisofs', '-quiet', '-V', 'cidata', '-J', '-r', '-o', iso, seed]);

    console_ = join(folder, 'console.log');
    const xml = join(folder, 'domain.xml');
    await writeFile(
      xml,
      `<domain type='qemu'>
        <name>${name}</name>
        <memory unit='MiB'>128</memory>
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <features><acpi/></features>
        <cpu mode='maximum'/>
        <devices>
          <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda'/></disk>
          <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${iso}'/><target dev='vdb'/><readonly/></disk>
          <controller type='pci' index='0' model='pcie-root'/>
          ${"<controller type='pci' model='pcie-root-port'/>".repeat(9)}
          <interface type='network'><source network='${NETWORK}'/><mac address='${macs[0]}'/><model type='virtio'/></interface>
          <serial type='pty'><log file='${console_}'/></serial>
          <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
          <memballoon model='virtio'><stats period='1'/></memballoon>
        </devices>
      </domain>`,
    );
    await virsh('define', xml);
    // The image may have to be built first.
  }, 600_000);

  /** Starts it if it is off, and waits until it is up. */
  async function boot(): Promise<void> {
    if ((await virsh('domstate', name)).trim() === 'running') return;
    const begin = Date.now();
    await rm(console_, { force: true });
    await virsh('start', name);
    const up = await eventually(
      'the boot',
      async () => /tiny-linux is up after ([\d.]+) s/.exec(await readFile(console_, 'utf8').catch(() => ''))?.[1],
      PATIENCE_MS,
    );
    process.stdout.write(`tiny-linux: up ${(Date.now() - begin) / 1000} s after start (${up} s of it the kernel)\n`);
  }

  beforeEach(boot, PATIENCE_MS);

  afterAll(async () => {
    // It may already be off; undefine then says whether something is wrong.
    await virsh('destroy', name).catch(silent);
    await virsh('undefine', name);
    await rm(folder, { recursive: true });
  });

  it(
    'boots, takes its name and commands from the seed, and gets an address',
    async () => {
      await eventually('the lease', () => lease(macs[0]), PATIENCE_MS);
      expect(await readFile(console_, 'utf8')).toContain('seed ran on web-1');
      expect(await virsh('net-dhcp-leases', NETWORK)).toMatch(new RegExp(`${macs[0]}.*web-1`));
    },
    PATIENCE_MS,
  );

  it(
    'reports its memory through the balloon',
    async () => {
      const stats = await eventually(
        'a memory report',
        async () => {
          const text = await virsh('dommemstat', name);
          return text.includes('unused') && text.includes('usable') ? text : undefined;
        },
        PATIENCE_MS,
      );
      const available = Number(/available (\d+)/.exec(stats)?.[1]);
      expect(available).toBeGreaterThan(64 * 1024);
      expect(available).toBeLessThanOrEqual(128 * 1024);
    },
    PATIENCE_MS,
  );

  it(
    'answers through the guest agent',
    async () => {
      const reply = await eventually(
        'an answer of the agent',
        () => virsh('qemu-agent-command', name, '{"execute":"guest-get-host-name"}').catch(silent),
        PATIENCE_MS,
      );
      expect(JSON.parse(reply).return['host-name']).toBe('web-1');
    },
    PATIENCE_MS,
  );

  it(
    'gets an address for a card that is plugged in while it runs',
    async () => {
      await virsh('attach-interface', name, 'network', NETWORK, '--model', 'virtio', '--mac', macs[1]!, '--live');
      await eventually('the second lease', () => lease(macs[1]), PATIENCE_MS);
    },
    PATIENCE_MS,
  );

  it(
    'powers off by the power button',
    async () => {
      const begin = Date.now();
      await virsh('shutdown', name, '--mode', 'acpi');
      await eventually(
        'the end',
        async () => ((await virsh('domstate', name)).trim() === 'shut off' ? true : undefined),
        PATIENCE_MS,
      );
      process.stdout.write(`tiny-linux: off ${(Date.now() - begin) / 1000} s after the power button\n`);
    },
    PATIENCE_MS,
  );
});
