import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '../json.ts';
import { PrismProcess, stopAll } from '../testing/prism-process.ts';
import { makeVm, siteOf } from '../testing/vm-spec.ts';

/** Generous beside what is measured (see README). */
const MAX_RESIDENT_MIB = 300;
/** How much more processor time a VM among a thousand may cost than one among a hundred; about 1 where costs are linear. */
const MOST_TIMES = 4;

// Processes are started and keys made, on machines that have more to do.
jest.setTimeout(180_000);

describe('a thousand VMs', () => {
  let prism: PrismProcess;
  beforeAll(async () => {
    prism = await PrismProcess.start({ args: ['--seed-vms', '1000'] });
  });
  afterAll(stopAll);

  const residentMiB = (): number =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${prism.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

  it('are listed page by page, each once, and all running ones fit on their hosts', async () => {
    const seen = new Set<unknown>();
    const hosts = new Map<unknown, number>();
    for (let offset = 0; offset < 1000; offset += 500) {
      const { body } = await prism.v3('POST', '/vms/list', { length: 500, offset });
      for (const { metadata, status } of body['entities'] as {
        metadata: JsonObject;
        status: { resources: JsonObject };
      }[]) {
        seen.add(metadata['uuid']);
        const { host_reference: host, memory_size_mib: memory } = status.resources;
        expect(host !== undefined).toBe(status.resources['power_state'] === 'ON');
        if (host !== undefined)
          hosts.set((host as JsonObject)['uuid'], (hosts.get((host as JsonObject)['uuid']) ?? 0) + Number(memory));
      }
    }
    expect(seen.size).toBe(1000);
    expect(Math.max(...hosts.values())).toBeLessThan(768 * 1024);
  });

  /** Processor time that the process has used, in ticks of the kernel. */
  const ticksOf = ({ pid }: PrismProcess): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };

  const attributes = [
    'hypervisor_cpu_usage_ppm',
    'memory_usage_ppm',
    'controller_num_iops',
    'hypervisor_num_received_bytes',
  ];
  async function sweep(of: PrismProcess, count: number): Promise<void> {
    for (let offset = 0; offset < count; offset += 500) await of.v3('POST', '/vms/list', { length: 500, offset });
    const { body } = await of.v3('POST', '/groups', {
      entity_type: 'mh_vm',
      group_member_attributes: attributes.map((attribute) => ({ attribute })),
    });
    expect(body['filtered_entity_count']).toBe(count);
  }

  /** Ticks of so many sweeps, once the code is warm. */
  async function costOf(of: PrismProcess, count: number, times: number): Promise<number> {
    await sweep(of, count);
    const before = ticksOf(of);
    for (let time = 0; time < times; time += 1) await sweep(of, count);
    return ticksOf(of) - before;
  }

  it('cost no more to list and to measure, each, than a hundred do', async () => {
    const small = await PrismProcess.start({ args: ['--seed-vms', '100'] });
    const [few, many] = [await costOf(small, 100, 30), await costOf(prism, 1000, 3)];
    await small.stop();
    expect(few).toBeGreaterThan(0);
    expect(many / few).toBeLessThan(MOST_TIMES);
  });

  it('cost little to keep', async () => {
    const uuid = await makeVm(prism, await siteOf(prism), 'one-more', { power_state: 'ON' });
    expect(residentMiB()).toBeLessThan(MAX_RESIDENT_MIB);
    // Others count a thousand.
    expect(await prism.done(await prism.v3('DELETE', `/vms/${uuid}`))).toMatchObject({ status: 'SUCCEEDED' });
  });
});
