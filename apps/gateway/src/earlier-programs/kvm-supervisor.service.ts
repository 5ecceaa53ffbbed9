import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { ProblemError, type Metrics, type Problem } from '@polyvirt/contracts';
import { io, type Socket } from 'socket.io-client';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { problemIn } from '../testing/test-gateway.ts';
import { TestHouse } from '../testing/test-house.ts';
import { CompatPort } from './compat-port.ts';

const disks = [{ device: 'vda', readBytes: 1_048_576, writeBytes: 524_288 }];
const networks = [{ interface: 'vnet0', rxBytes: 2_097_152, txBytes: 1_048_576 }];

describe('the surface of KVM Supervisor', () => {
  let house: TestHouse;
  let agents: Record<'a' | 'b', FakeAgent>;
  let port: string;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    house = await TestHouse.start({
      hosts: ['kvm-a', 'kvm-b'],
      // Only this address of loopback reads without a token.
      environment: { POLYVIRT_COMPAT_PORT: '0', POLYVIRT_COMPAT_READ_NETWORKS: '127.0.0.2' },
    });
    agents = { a: await house.startAgent('kvm-a'), b: await house.startAgent('kvm-b') };
    await agents.a.show('one', { name: 'ubuntu-server', state: 'running', cpus: 2, memoryMiB: 2_048 });
    await agents.a.show('two', { name: 'debian-test', state: 'stopped', cpus: 1, memoryMiB: 1_024 });
    await agents.a.show('three', { name: 'twin' });
    await agents.b.show('four', { name: 'twin' });
    await house.gateway.app.listen(0, '127.0.0.1');
    await eventually(async () => {
      expect((await get<{ count: number }>('/vms')).body.count).toBe(4);
      expect((await get<{ libvirt: string }>('/health')).body.libvirt).toBe('connected');
      port = `http://127.0.0.1:${house.gateway.app.get(CompatPort).port!}`;
    });
  });
  afterAll(async () => {
    for (const socket of sockets) socket.disconnect();
    await house.stop();
  });

  const get = <Body = unknown>(url: string, token: string | undefined = house.token) =>
    house.gateway.call<Body>('GET', url, { ...(token !== undefined && { token }) });
  const post = (url: string, body?: object, token = house.token) =>
    house.gateway.call<Record<string, unknown>>('POST', url, { token, ...(body && { body }) });
  const measured = async (name: string, change: Partial<Metrics> = {}) => {
    const observedAt = new Date(Date.now() + 5).toISOString();
    agents.a.measure([{ vmId: 'kvm-a~one', state: 'running', disks, networks, observedAt, ...change }]);
    await eventually(async () => {
      const { body } = await get<{ cpu_percent: number }>(`/vm/${name}/metrics`);
      expect(body.cpu_percent).toBe(change.cpuPercent ?? null);
    });
  };
  const connect = (auth: object): Socket => {
    const socket = io(port, { transports: ['websocket'], reconnection: false, forceNew: true, auth });
    sockets.push(socket);
    return socket;
  };
  const ask = (socket: Socket, question: string, answer: string, message?: object) =>
    new Promise<unknown>((resolve) => {
      socket.once(answer, resolve);
      if (message) socket.emit(question, message);
      else socket.emit(question);
    });

  it('lists VMs of all hosts, by name, with its keys in its order', async () => {
    const { status, text, body } = await get<{ vms: object[] }>('/vms');
    expect(status).toBe(200);
    expect(
      text.startsWith(
        '{"count":4,"vms":[{"name":"debian-test","state":"stopped","vcpus":1,"memory_mb":1024,"is_active":false},',
      ),
    ).toBe(true);
    expect(body.vms.at(-1)).toEqual({
      name: 'ubuntu-server',
      state: 'running',
      vcpus: 2,
      memory_mb: 2_048,
      is_active: true,
    });
    expect((await get<{ count: number }>('/vms?host=kvm-b')).body.count).toBe(1);
    expect(problemIn(await get('/vms?host=kvm-z')).code).toBe('host-not-found');
  });

  it.each([
    ['running', 'running', true],
    ['paused', 'paused', true],
    ['stopped', 'stopped', false],
    ['suspended', 'stopped', false],
    ['crashed', 'stopped', false],
    ['unknown', 'stopped', false],
  ] as const)('shows a VM that is %s as %s', async (state, shown, isActive) => {
    const nativeId = `state-${state}`;
    await agents.b.show(nativeId, { name: nativeId, state });
    await eventually(async () => {
      const { body } = await get(`/vm/${nativeId}`);
      expect(body).toMatchObject({ name: nativeId, state: shown, is_active: isActive });
    });
    await agents.b.vanish(nativeId);
    await eventually(async () => expect((await get(`/vm/${nativeId}`)).status).toBe(404));
  });

  it('gives the metrics of its document: its keys in its order, percentages as decimals', async () => {
    const values = { cpuPercent: 12, memoryPercent: 45.2, memoryUsedMiB: 925.4, memoryTotalMiB: 2_048 };
    await measured('ubuntu-server', values);
    expect((await get('/vm/ubuntu-server/metrics')).text).toBe(
      '{"name":"ubuntu-server","state":"running","cpu_percent":12.0,"vcpus":2,"memory_percent":45.2,"memory_used_mb":925,' +
        '"memory_total_mb":2048,"disk_io":[{"device":"vda","read_bytes":1048576,"write_bytes":524288}],' +
        '"network_io":[{"interface":"vnet0","rx_bytes":2097152,"tx_bytes":1048576}]}',
    );
  });

  it('makes no number up: null for what is not known, and zero for what a VM that is off uses', async () => {
    await measured('ubuntu-server', {});
    expect((await get('/vm/ubuntu-server/metrics')).body).toMatchObject({ cpu_percent: null, memory_used_mb: null });
    expect((await get('/vm/debian-test/metrics')).body).toEqual({
      name: 'debian-test',
      state: 'stopped',
      cpu_percent: 0,
      vcpus: 1,
      memory_percent: 0,
      memory_used_mb: 0,
      memory_total_mb: 1_024,
      disk_io: [],
      network_io: [],
    });
  });

  it('says in its health when a libvirt cannot be used, and when it can again', async () => {
    agents.b.health = { status: 'unhealthy', detail: 'libvirt.open() failed.' };
    await eventually(async () =>
      expect((await get('/health')).body).toEqual({ status: 'degraded', libvirt: 'disconnected' }),
    );
    agents.b.health = { status: 'healthy', detail: 'It works.' };
    await eventually(async () =>
      expect((await get('/health')).body).toEqual({ status: 'healthy', libvirt: 'connected' }),
    );
  });

  it('counts for its dashboard', async () => {
    expect((await get('/stats/summary?host=kvm-a')).body).toEqual({
      total: 3,
      running: 1,
      stopped: 2,
      paused: 0,
      total_vcpus: expect.any(Number),
      running_vcpus: 2,
      total_memory_mb: expect.any(Number),
      running_memory_mb: 2_048,
    });
  });

  it('starts, stops and restarts by name, and says whether that changed anything', async () => {
    await agents.a.show('power', { name: 'Power VM', state: 'stopped' });
    await eventually(async () => expect((await get('/vm/Power%20VM')).status).toBe(200));
    const start = await post('/vm/Power%20VM/start');
    expect(start).toMatchObject({
      status: 200,
      body: { success: true, message: "VM 'Power VM' started", name: 'Power VM', state: 'running', changed: true },
    });
    expect((await post('/vm/power%20vm/start')).body).toMatchObject({ success: true, changed: false });
    expect((await post('/vm/Power%20VM/restart')).body).toMatchObject({ success: true, state: 'running' });
    expect((await post('/vm/Power%20VM/stop', { force: true })).body).toMatchObject({
      success: true,
      state: 'stopped',
    });
    expect(agents.a.inputs.at(-1)).toMatchObject({ force: true });
    await post('/vm/Power%20VM/start');
    expect((await post('/vm/Power%20VM/stop')).body).toMatchObject({ success: true, state: 'stopped' });
    expect(agents.a.inputs.at(-1)).toMatchObject({ force: false });
    const operation = await house.call('GET', `/operations/${String(start.body['operation'])}`);
    expect(operation.body).toMatchObject({ verb: 'vm.start', status: 'succeeded', requestedBy: 'admin' });
  });

  it('answers with the problem that an operation ends with', async () => {
    agents.a.failures.set('vm.start', new ProblemError('host-rejected', 'No such machine type.'));
    const answer = await post('/vm/debian-test/start');
    expect(answer.status).toBe(502);
    expect(answer.body).toMatchObject({ code: 'host-rejected', detail: 'No such machine type.' });
    agents.a.relax();
  });

  it('lets ?host= or an id decide between VMs of one name, and names them otherwise', async () => {
    const answer = await get<Problem>('/vm/twin');
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 409, code: 'name-ambiguous' });
    expect(answer.body.errors).toEqual([
      { pointer: 'host', detail: 'kvm-a' },
      { pointer: 'host', detail: 'kvm-b' },
    ]);
    expect((await get('/vm/twin?host=kvm-b')).body).toMatchObject({ id: 'kvm-b~four' });
    expect((await get('/vm/kvm-a~three')).body).toMatchObject({ name: 'twin', host: 'kvm-a' });
    expect(problemIn(await get('/vm/nobody')).code).toBe('vm-not-found');
    expect((await post('/vm/twin/start')).status).toBe(409);
  });

  it('is the API of Auto-Creation-VM at /api/providers/status', async () => {
    const old = await get('/api/providers/status');
    expect(old.status).toBe(200);
    expect(old.body).toEqual({
      providers: [
        expect.objectContaining({
          host: 'kvm-a',
          hypervisor: 'kvm',
          health: { status: 'healthy', detail: 'It works.' },
        }),
        expect.objectContaining({ host: 'kvm-b' }),
      ],
    });
  });

  it('needs a token for all but its root and its health, and the right to it', async () => {
    const paths = ['/vms', '/vm/ubuntu-server', '/vm/ubuntu-server/metrics', '/stats/summary', '/api/providers/status'];
    for (const path of paths) expect([path, (await house.gateway.call('GET', path)).status]).toEqual([path, 401]);
    const viewer = await house.gateway.as('viewer');
    for (const path of paths) expect([path, (await get(path, viewer)).status]).toEqual([path, 200]);
    expect((await post('/vm/debian-test/start', undefined, viewer)).status).toBe(403);
    for (const path of ['/', '/health']) {
      const { status, text } = await house.gateway.call('GET', path);
      expect([path, status]).toEqual([path, 200]);
      expect(text).not.toMatch(/kvm-a|ubuntu/);
    }
  });

  it('lets machines of the networks that are named read without a token, and change nothing', async () => {
    const server = house.gateway.app.getHttpAdapter().getInstance();
    const from = (remoteAddress: string, method: 'GET' | 'POST', url: string, headers = {}) =>
      server
        .inject({ method, url, remoteAddress, headers })
        .then(({ statusCode }: { statusCode: number }) => statusCode);
    for (const path of ['/vms', '/vm/ubuntu-server', '/vm/ubuntu-server/metrics', '/stats/summary']) {
      expect([path, await from('127.0.0.2', 'GET', path)]).toEqual([path, 200]);
      expect([path, await from('127.0.0.3', 'GET', path)]).toEqual([path, 401]);
      // Behind a proxy that nobody has told us of, everybody comes from the proxy.
      expect([path, await from('127.0.0.2', 'GET', path, { 'x-forwarded-for': '8.8.8.8' })]).toEqual([path, 401]);
      expect([path, await from('127.0.0.2', 'GET', path, { forwarded: 'for=8.8.8.8' })]).toEqual([path, 401]);
      expect([path, await from('127.0.0.2', 'GET', path, { authorization: 'Bearer no' })]).toEqual([path, 401]);
    }
    expect(await from('127.0.0.2', 'POST', '/vm/debian-test/start')).toBe(401);
    expect(await from('127.0.0.2', 'GET', '/api/v1/vms')).toBe(401);
    expect(await from('127.0.0.2', 'GET', '/api/providers/status')).toBe(401);
  });

  it('answers the messages of a mobile client', async () => {
    const socket = connect({ token: house.token });
    await new Promise<void>((resolve) => socket.on('connect', resolve));
    const http = async (path: string) => (await get(path)).body;
    expect(await ask(socket, 'request_metrics', 'vm_metrics', { name: 'ubuntu-server' })).toEqual(
      await http('/vm/ubuntu-server/metrics'),
    );
    expect(await ask(socket, 'request_vms_list', 'vms_list')).toEqual(await http('/vms'));
    const all = (await ask(socket, 'request_all_metrics', 'all_metrics')) as { count: number; metrics: object[] };
    expect(all.count).toBe(all.metrics.length);
    expect(all.metrics).toContainEqual(await http('/vm/debian-test/metrics'));
    for (const [message, code] of [
      [{ name: 'nobody' }, 'vm-not-found'],
      [{ name: 'twin' }, 'name-ambiguous'],
      [{}, 'invalid-input'],
      ['ubuntu-server', 'invalid-input'],
    ] as const) {
      const answer = (await ask(socket, 'request_metrics', 'vm_metrics', message as object)) as { error: Problem };
      expect([message, answer.error.code]).toEqual([message, code]);
    }
  });

  it('answers a client of such a network without a token, which may subscribe to nothing until it has one', async () => {
    const socket = io(port, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      localAddress: '127.0.0.2',
    } as object);
    sockets.push(socket);
    await new Promise<void>((resolve, reject) => {
      socket.on('connect', resolve);
      socket.on('connect_error', reject);
    });
    expect(await ask(socket, 'request_vms_list', 'vms_list')).toEqual((await get('/vms')).body);
    const subscribe = () => socket.timeout(20_000).emitWithAck('subscribe', { topics: ['vms'] });
    expect(await subscribe()).toMatchObject({ error: { code: 'unauthenticated' } });
    expect(await socket.timeout(20_000).emitWithAck('authenticate', { token: house.token })).toHaveProperty('cursor');
    expect(await subscribe()).toHaveProperty('cursor');
  });

  it('refuses a client without a token, and tells one that begins with polling what to do', async () => {
    const refused = await new Promise<Error>((resolve) => connect({}).on('connect_error', resolve));
    expect(refused).toMatchObject({ data: { code: 'unauthenticated' } });
    const polling = await fetch(`${port}/socket.io/?EIO=4&transport=polling`);
    expect(polling.status).toBe(400);
    expect(((await polling.json()) as Problem).detail).toContain("transports: ['websocket']");
  });

  it('answers at its own port, where nothing else is', async () => {
    const headers = { authorization: `Bearer ${house.token}`, accept: 'text/html' };
    const look = async (path: string, init = {}) => fetch(`${port}${path}`, { headers, ...init });
    for (const path of ['/', '/health', '/vms', '/vm/ubuntu-server', '/stats/summary', '/api/providers/status']) {
      const answer = await look(path);
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
        path,
        200,
        'application/json; charset=utf-8',
      ]);
    }
    for (const path of ['/api/v1/vms', '/docs', '/machines', '/api/v1/auth/login']) {
      const answer = await look(path);
      expect([path, answer.status]).toEqual([path, 404]);
      expect(((await answer.json()) as Problem).detail).toContain('POLYVIRT_PORT');
    }
    expect((await look('/vm/debian-test/stop', { method: 'POST' })).status).toBe(200);
  });

  it('is not there when it is switched off', async () => {
    const off = await TestHouse.start({ environment: { POLYVIRT_COMPAT: 'off' } });
    try {
      for (const path of ['/vms', '/vm/x', '/stats/summary', '/health', '/api/providers/status'])
        expect([path, (await off.gateway.call('GET', path, { token: off.token })).status]).toEqual([path, 404]);
    } finally {
      await off.stop();
    }
  });
});
