import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Libvirt, type Domain } from '@polyvirt/node-libvirt';
import { ensureLibvirt } from '@polyvirt/tools';
import type { Measurement } from './row.ts';
import { median, ms } from './statistics.ts';

const run = promisify(execFile);

const DOMAINS = 20;
const ROUNDS = 15;
const PERIOD_MS = 5_000;
/** The groups of a sweep, in the words of virsh. */
const GROUPS = ['--state', '--cpu-total', '--balloon', '--vcpu', '--interface', '--block'];

/** Without a disk: the firmware finds nothing to boot and idles. */
const domainXml = (name: string) => `<domain type='qemu'>
  <name>${name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <interface type='network'><source network='default'/><model type='virtio'/></interface>
    <memballoon model='virtio'><stats period='5'/></memballoon>
  </devices>
</domain>`;

/** One sweep of statistics over running domains, beside `virsh domstats` on the same domains. */
export const measureStatisticsSweep: Measurement = async (log) => {
  await ensureLibvirt({ log });
  const prefix = `pvbench-${randomBytes(4).toString('hex')}-`;
  const libvirt = await Libvirt.connect();
  const domains: Domain[] = [];
  try {
    for (let index = 0; index < DOMAINS; index++) {
      const domain = await libvirt.domains.define(domainXml(`${prefix}${index}`));
      domains.push(domain);
      await domain.start();
      log(`started ${index + 1} of ${DOMAINS} domains`);
    }
    // The firmware of the last one has to come to rest, or its boot is measured.
    await delay(3_000);

    const ours: number[] = [];
    const theirs: number[] = [];
    let cpuMicroseconds = 0;
    for (let round = -1; round < ROUNDS; round++) {
      const cpu = process.cpuUsage();
      const began = performance.now();
      const sweep = await libvirt.statistics.sweep({ domains });
      const took = performance.now() - began;
      const used = process.cpuUsage(cpu);
      if (sweep.domains.length !== DOMAINS)
        throw new Error(`the sweep answered for ${sweep.domains.length} of ${DOMAINS} domains`);
      const virsh = await domstats(domains);
      // The first round warms both up.
      if (round < 0) continue;
      ours.push(took);
      theirs.push(virsh);
      cpuMicroseconds += used.user + used.system;
    }
    const ratio = median(ours) / median(theirs);
    const cpuShare = (cpuMicroseconds / ROUNDS / 1_000 / PERIOD_MS) * (100 / DOMAINS) * 100;
    return [
      {
        work: `statistics of ${DOMAINS} running domains in one sweep`,
        ours: ms(median(ours)),
        beside: `virsh domstats ${ms(median(theirs))}`,
        ratio,
        bar: '≤ 0.5 ×',
        met: ratio <= 0.5,
      },
      {
        work: 'CPU of the client for 100 VMs at a 5 s period',
        ours: `${cpuShare.toFixed(2)} % of a core`,
        beside: 'one core',
        ratio: cpuShare / 100,
        bar: '< 1 %',
        met: cpuShare < 1,
      },
    ];
  } finally {
    for (const domain of domains) {
      if (await domain.isActive()) await domain.destroy();
      await domain.undefine();
    }
    await libvirt.close();
  }
};

async function domstats(domains: readonly Domain[]): Promise<number> {
  const began = performance.now();
  const { stdout } = await run('virsh', ['domstats', '--nowait', ...GROUPS, ...domains.map(({ name }) => name)], {
    maxBuffer: 16 * 2 ** 20,
  });
  const took = performance.now() - began;
  const answered = stdout.match(/^Domain:/gm)?.length ?? 0;
  if (answered !== domains.length) throw new Error(`virsh answered for ${answered} of ${domains.length} domains`);
  return took;
}
