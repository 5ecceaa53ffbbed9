import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '@polyvirt/tools';
import { measureAtRest } from './at-rest.ts';
import type { PollerOrders } from './prism-poller.ts';
import { start } from './processes.ts';
import type { Measurement } from './row.ts';

const VMS = 1_000;
/** How often the agent asks what has changed, and how often the poller lists everything. */
const WATCH_MS = 750;
const METRICS_MS = 5_000;
const CREDENTIALS = { username: 'admin', password: 'nutanix/4u' };

interface Simulator {
  readonly url: string;
  readonly certificate: string;
  calls(): Promise<number>;
}

/** An agent that looks after a thousand VMs of one Prism Central, beside a poller that lists them all as often. */
export const measureNutanixScale: Measurement = async (log) => {
  await using cleanup = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'polyvirt-bench-prism-'));
  cleanup.defer(() => rmSync(folder, { recursive: true, force: true }));
  const simulator = await startSimulator(folder, cleanup);
  const { firstInventory, memory, besidePoller } = await measureAtRest(
    {
      id: 'nutanix-bench',
      vms: VMS,
      what: `${VMS.toLocaleString('en')} VMs on one Prism`,
      polling: 'listing all each beat',
      agent: {
        args: [join(root, 'apps/nutanix-agent/dist/main.js')],
        env: {
          POLYVIRT_METRICS_SECONDS: String(METRICS_MS / 1_000),
          POLYVIRT_PRISM_ADDRESS: simulator.url,
          POLYVIRT_PRISM_USERNAME: CREDENTIALS.username,
          POLYVIRT_PRISM_PASSWORD: CREDENTIALS.password,
          POLYVIRT_PRISM_CLUSTER: 'cluster-a',
          POLYVIRT_PRISM_CA_FILE: simulator.certificate,
          POLYVIRT_PRISM_WATCH_MS: String(WATCH_MS),
        },
      },
      poller: {
        args: [join(import.meta.dirname, 'prism-poller.js'), JSON.stringify(orders(simulator))],
        env: { NODE_EXTRA_CA_CERTS: simulator.certificate },
      },
      measureMs: 30_000,
      calls: simulator.calls,
    },
    log,
  );
  return [
    firstInventory,
    besidePoller('calls', 'callsPerMinute', 'a minute', 1),
    besidePoller('CPU', 'cpuPercent', '% of a core', 0.5),
    memory,
  ];
};

const orders = ({ url }: Simulator): PollerOrders => ({
  url,
  authorization: `Basic ${Buffer.from(`${CREDENTIALS.username}:${CREDENTIALS.password}`).toString('base64')}`,
  everyMs: WATCH_MS,
  metricsEveryMs: METRICS_MS,
  metrics: {
    entity_type: 'mh_vm',
    filter_criteria: 'power_state==on',
    group_member_sort_attribute: 'vm_name',
    group_member_sort_order: 'ASCENDING',
    group_member_attributes: [
      { attribute: 'power_state' },
      { attribute: 'hypervisor_cpu_usage_ppm' },
      { attribute: 'memory_usage_ppm' },
      { attribute: 'memory_size_bytes' },
      { attribute: 'controller_read_io_bandwidth_kBps' },
      { attribute: 'controller_write_io_bandwidth_kBps' },
      { attribute: 'hypervisor_num_received_bytes' },
      { attribute: 'hypervisor_num_transmitted_bytes' },
    ],
  },
});

async function startSimulator(folder: string, cleanup: AsyncDisposableStack): Promise<Simulator> {
  const program = join(root, 'simulators/prism/bin/prism-simulator');
  const options = ['--port', '0', '--control-port', '0', '--data-dir', folder, '--seed-vms', String(VMS)];
  const child = start(cleanup, { args: [program, ...options], env: {} });
  const said = new Map<string, string>();
  for await (const line of createInterface(child.stdout!)) {
    const match = /^(ca certificate:|control on|listening on) (.+)$/.exec(line);
    if (match) said.set(match[1]!, match[2]!);
    if (match?.[1] === 'listening on') break;
  }
  const control = said.get('control on')!;
  return {
    url: said.get('listening on')!,
    certificate: said.get('ca certificate:')!,
    calls: async () => ((await (await fetch(`${control}/calls`)).json()) as { total: number }).total,
  };
}
