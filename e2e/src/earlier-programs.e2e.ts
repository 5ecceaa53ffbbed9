import { expect } from '@jest/globals';
import { eventually, freePort } from '@polyvirt/bus/testing';
import { run } from '@polyvirt/tools';
import { io, type Socket } from 'socket.io-client';
import { createVm, patienceMs } from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

// docs/earlier-programs.md lists what is tried here. The commands are those of the documents, but for the port, the name and the token.
const host = 'kvm-old';
const port = await freePort();
const url = `http://localhost:${port}`;
let token = '';
let name = '';

const story = storiesOn(
  { agents: [{ kind: 'kvm', id: host }], gatewaySettings: { POLYVIRT_COMPAT_PORT: String(port) } },
  async (stack) => {
    name = `${stack.prefix}ubuntu-server`;
    const { accessToken } = await login(stack);
    const scopes = ['vm:read', 'metrics:read', 'vm:power', 'host:read'];
    const answer = await fetch(`${stack.url()}/api/v1/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'phone', scopes, expiresAt: new Date(Date.now() + 3_600_000).toISOString() }),
    });
    token = ((await answer.json()) as { secret: string }).secret;
    const disks = [{ image: 'tiny-linux' }];
    await createVm(stack.admin, { host, name, cpus: 1, memoryMiB: 192, disks, nics: [{ network: 'default' }] });
    await createVm(stack.admin, { host, name: `${stack.prefix}debian-test`, cpus: 1, memoryMiB: 64, disks });
  },
);

async function login(stack: Stack): Promise<{ accessToken: string }> {
  const answer = await fetch(`${stack.url()}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: stack.adminPassword }),
  });
  return (await answer.json()) as { accessToken: string };
}

const curl = async (...args: string[]): Promise<string> =>
  run('curl', ['-sS', '--fail-with-body', '-H', `Authorization: Bearer ${token}`, ...args]);
const json = async <Body>(...args: string[]): Promise<Body> => JSON.parse(await curl(...args)) as Body;

/** Keys of an object and of what is in it, in their order, with the type that a typed client takes each for. */
function shapeOf(text: string): string {
  return text
    .replaceAll(/("(?:[^"\\]|\\.)*")(:?)/g, (_, quoted: string, colon: string) => (colon ? `${quoted}:` : 'text'))
    .replaceAll(/-?\d+\.\d+/g, 'float')
    .replaceAll(/(?<=[:[,])-?\d+/g, 'integer')
    .replaceAll(/true|false/g, 'boolean');
}

story('the curl examples of KVM Supervisor give what its document shows', async (stack) => {
  const list = await curl(`${url}/vms`);
  const { count, vms } = JSON.parse(list) as { count: number; vms: object[] };
  expect(count).toBe(vms.length);
  expect(list).toMatch(/^\{"count":\d+,"vms":\[\{"name":/);
  const rest = '"state":"stopped","vcpus":1,"memory_mb":';
  // Those of other tests stand beside.
  expect(list).toContain(`{"name":"${stack.prefix}debian-test",${rest}64,"is_active":false}`);
  expect(list).toContain(`{"name":"${name}",${rest}192,"is_active":false}`);

  expect(await json('-X', 'POST', `${url}/vm/${name}/start`)).toMatchObject({ success: true, state: 'running' });
  await eventually(async () => {
    const metrics = await curl(`${url}/vm/${name}/metrics`);
    expect(shapeOf(metrics)).toBe(
      '{"name":text,"state":text,"cpu_percent":float,"vcpus":integer,"memory_percent":float,"memory_used_mb":integer,' +
        '"memory_total_mb":integer,"disk_io":[{"device":text,"read_bytes":integer,"write_bytes":integer}],' +
        '"network_io":[{"interface":text,"rx_bytes":integer,"tx_bytes":integer}]}',
    );
    expect(JSON.parse(metrics)).toMatchObject({ name, state: 'running', vcpus: 1, disk_io: [{ device: 'vda' }] });
  }, patienceMs);

  expect(await json('-X', 'POST', `${url}/vm/${name}/restart`)).toMatchObject({ success: true });
  const force = ['-H', 'Content-Type: application/json', '-d', '{"force": true}'];
  await eventually(async () => {
    // A restart may last longer than its answer waits.
    const stopped = await json('-X', 'POST', `${url}/vm/${name}/stop`, ...force);
    expect(stopped).toMatchObject({ success: true, state: 'stopped' });
  }, patienceMs);
  expect(await json(`${url}/vm/${name}`)).toMatchObject({ name, state: 'stopped', host });
  // The graceful way: a VM that is off is left as it is.
  expect(await json('-X', 'POST', `${url}/vm/${name}/stop`)).toMatchObject({ success: true, changed: false });
  expect(await json(`${url}/health`)).toEqual({ status: 'healthy', libvirt: 'connected' });
  expect(await json(`${url}/`)).toMatchObject({ status: 'ok' });
  // As the emulator of a telephone calls this machine.
  expect(await curl('-H', `Host: 10.0.2.2:${port}`, `${url}/vms`)).toContain(`{"name":"${name}",`);
  const summary = await curl(`${url}/stats/summary`);
  expect(shapeOf(summary)).toBe(
    '{"total":integer,"running":integer,"stopped":integer,"paused":integer,"total_vcpus":integer,"running_vcpus":integer,' +
      '"total_memory_mb":integer,"running_memory_mb":integer}',
  );
});

story('a mobile client hears what it asks for', async (stack) => {
  const socket: Socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], auth: { token } });
  try {
    const ask = (question: string, answer: string, ...message: object[]) =>
      new Promise<Record<string, unknown>>((resolve) => {
        socket.once(answer, resolve);
        socket.emit(question, ...message);
      });
    const debian = `${stack.prefix}debian-test`;
    // As in the example: asked before there is a connection.
    const first = ask('request_metrics', 'vm_metrics', { name: debian });
    await new Promise<void>((resolve, reject) => {
      socket.on('connect', resolve);
      socket.on('connect_error', reject);
    });
    expect(await first).toEqual({
      name: debian,
      state: 'stopped',
      cpu_percent: 0,
      vcpus: 1,
      memory_percent: 0,
      memory_used_mb: 0,
      memory_total_mb: 64,
      disk_io: [],
      network_io: [],
    });
    const { metrics } = (await ask('request_all_metrics', 'all_metrics')) as { metrics: { name: string }[] };
    expect(metrics.map((one) => one.name)).toEqual(expect.arrayContaining([name, debian]));
    const { vms } = (await ask('request_vms_list', 'vms_list')) as { vms: { name: string }[] };
    expect(vms.map((one) => one.name)).toEqual(expect.arrayContaining([name, debian]));
  } finally {
    socket.disconnect();
  }
});

story('the diagnosis of Auto-Creation-VM gives the state of each hypervisor', async () => {
  const { providers } = await json<{ providers: object[] }>(`${url}/api/providers/status`);
  expect(providers).toEqual([expect.objectContaining({ host, hypervisor: 'kvm', state: 'ready', simulated: false })]);
});
