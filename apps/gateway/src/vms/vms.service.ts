import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { Host, Operation, ProblemError, Vm, type Page, type Problem } from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';
import { allCapabilities, type FakeAgent } from '../testing/fake-agent.ts';

describe('VMs of a gateway', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let count = 0;

  beforeAll(async () => {
    house = await TestHouse.start({ hosts: ['kvm-a', 'kvm-b'] });
    agent = await house.startAgent('kvm-a');
    await eventually(async () => {
      expect((await house.call<Host>('GET', '/hosts/kvm-a')).body.state).toBe('ready');
    });
  });
  afterAll(() => house.stop());
  afterEach(() => agent.relax());

  /** A VM of its own for a test. */
  const newVm = async (change: Parameters<FakeAgent['show']>[1] = {}) => {
    const nativeId = `vm-${++count}`;
    await agent.show(nativeId, change);
    const id = `kvm-a~${nativeId}`;
    await eventually(async () => expect((await house.call('GET', `/vms/${id}`)).status).toBe(200));
    return { id, nativeId };
  };
  const problem = async (...call: Parameters<TestHouse['call']>) => {
    const { status, body } = await house.call<Problem>(...call);
    return { status, code: body.code, detail: body.detail, operationId: body.operationId };
  };

  it('creates one, with its labels, and shows it when the operation has ended', async () => {
    const body = { host: 'kvm-a', name: 'web 1', cpus: 2, start: true, labels: { env: 'test' }, protected: true };
    const answer = await house.ask('POST', '/vms', body);
    expect(answer.status).toBe(200);
    expect(Operation.parse(answer.body)).toMatchObject({ verb: 'vm.create', status: 'succeeded', changed: true });
    expect(answer.headers.location).toBe(`/api/v1/operations/${answer.body.id}`);
    const vm = await house.vm(answer.body.result!.vmId!);
    expect(Vm.parse(vm)).toEqual(vm);
    expect(vm).toMatchObject({ name: 'web 1', state: 'running', cpus: 2, labels: { env: 'test' }, protected: true });
    const { body: page } = await house.call<Page<Vm>>('GET', '/vms?label=env%3Dtest&limit=1');
    expect(page).toEqual({ items: [vm] });
  });

  it('answers 202 at once, and 200 with the ended operation to who waits', async () => {
    const { id } = await newVm();
    const gate = agent.hold('vm.start');
    const answer = await house.call<Operation>('POST', `/vms/${id}/start`);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ status: 'pending', vmId: id, requestedBy: 'admin' });
    await eventually(async () => {
      const { body } = await house.call<Operation>('GET', `/operations/${answer.body.id}`);
      expect(body.status).toBe('running');
    });
    expect((await house.vm(id)).operation).toBe(answer.body.id);
    const impatient = await house.call<Operation>('POST', `/vms/${(await newVm()).id}/start`, {}, { prefer: 'wait=1' });
    expect(impatient.status).toBe(202);
    gate.release();
    await eventually(async () => expect((await house.vm(id)).state).toBe('running'));
    await eventually(async () => expect((await house.vm(id)).operation).toBeUndefined());
  });

  it('lets the agent say that it already is as asked', async () => {
    const { id } = await newVm({ state: 'running' });
    const { body } = await house.ask('POST', `/vms/${id}/start`);
    expect(body).toMatchObject({ status: 'succeeded', changed: false });
  });

  it('offers what was made a template at once, lists it as one, and starts it for nobody', async () => {
    const { id, nativeId } = await newVm({ name: 'golden', template: true });
    const { body: offered } = await house.call<Page<object>>('GET', '/hosts/kvm-a/templates');
    expect(offered.items).toContainEqual({ nativeId, name: 'golden', marked: true });
    const { body: found } = await house.call<Page<Vm>>('GET', '/vms?template=true');
    expect(found.items.map((vm) => vm.id)).toEqual([id]);
    const { body: others } = await house.call<Page<Vm>>('GET', '/vms?template=false&limit=500');
    expect(others.items.map((vm) => vm.id)).not.toContain(id);
    expect(await problem('POST', `/vms/${id}/start`)).toMatchObject({ status: 409, code: 'wrong-state' });
    const body = { host: 'kvm-a', name: 'of-golden', template: 'golden' };
    expect((await house.call('POST', '/vms?dryRun=true', body)).status).toBe(200);
    // Whoever makes one of it while it is on would have it run on.
    const { id: running } = await newVm({ state: 'running' });
    expect(await problem('PATCH', `/vms/${running}`, { template: true })).toMatchObject({ code: 'wrong-state' });
  });

  it('answers vm-busy with the running operation, and of many at once takes one', async () => {
    const { id } = await newVm();
    const gate = agent.hold('vm.start');
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        house.call<{ id: string; code: string; operationId: string }>('POST', `/vms/${id}/start`),
      ),
    );
    const taken = answers.filter(({ status }) => status === 202);
    expect(taken).toHaveLength(1);
    for (const { status, body } of answers) {
      if (status === 202) continue;
      expect({ status, code: body.code, operationId: body.operationId }).toEqual({
        status: 409,
        code: 'vm-busy',
        operationId: taken[0]!.body.id,
      });
    }
    gate.release();
    await eventually(async () => expect((await house.vm(id)).operation).toBeUndefined());
    expect((await house.ask('POST', `/vms/${id}/stop`)).body.status).toBe('succeeded');
  });

  it('lets a stop by force, and nothing else, through to a busy VM, which stays busy until what ran has ended', async () => {
    const { id } = await newVm({ state: 'running' });
    const gate = agent.hold('vm.restart');
    const { body: restart } = await house.call<{ id: string }>('POST', `/vms/${id}/restart`);
    const busy = { status: 409, code: 'vm-busy', operationId: restart.id };
    expect(await problem('POST', `/vms/${id}/stop`)).toMatchObject(busy);
    expect(await problem('DELETE', `/vms/${id}`)).toMatchObject(busy);
    const { body: stop } = await house.ask('POST', `/vms/${id}/stop`, { force: true });
    expect(stop).toMatchObject({ status: 'succeeded', changed: true });
    await eventually(async () => expect((await house.vm(id)).operation).toBe(restart.id));
    expect(await problem('POST', `/vms/${id}/start`)).toMatchObject(busy);
    gate.release();
    await eventually(async () => expect((await house.vm(id)).operation).toBeUndefined());
  });

  it('lets no stop by force through to a VM that is being deleted', async () => {
    const { id } = await newVm();
    const gate = agent.hold('vm.delete');
    const { body } = await house.call<{ id: string }>('DELETE', `/vms/${id}`);
    const refused = await problem('POST', `/vms/${id}/stop`, { force: true });
    expect(refused).toMatchObject({ status: 409, code: 'vm-busy', operationId: body.id });
    gate.release();
    await eventually(async () => expect((await house.call('GET', `/vms/${id}`)).status).toBe(404));
  });

  it('lets one of two creations with one name through, whatever the case', async () => {
    const gate = agent.hold('vm.create');
    const names = ['Same', 'same', 'SAME'];
    const answers = await Promise.all(names.map((name) => house.call('POST', '/vms', { host: 'kvm-a', name })));
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409]);
    gate.release();
    await eventually(() =>
      expect([...agent.vms.values()].some(({ name }) => name.toLowerCase() === 'same')).toBe(true),
    );
    await eventually(async () => {
      expect(await problem('POST', '/vms', { host: 'kvm-a', name: 'sAmE' })).toMatchObject({
        status: 409,
        code: 'name-taken',
        operationId: undefined,
      });
    });
  });

  it('repeats an answer under one Idempotency-Key, with the operation as it is by then', async () => {
    const { id } = await newVm();
    const headers = { 'idempotency-key': `key-${id}` };
    const first = await house.call<Operation>('POST', `/vms/${id}/start`, {}, headers);
    const again = await house.ask('POST', `/vms/${id}/start`, {}, headers);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.body).toMatchObject({ id: first.body.id, status: 'succeeded' });
    expect(await problem('POST', `/vms/${id}/start`, { whenOffline: 'queue' }, headers)).toMatchObject({
      status: 422,
      code: 'idempotency-key-reused',
    });
  });

  it.each([
    ['stopped', 'POST', '/restart', 'Cannot restart "{}": its state is stopped. It is powered off; start it first.'],
    ['paused', 'POST', '/start', 'Cannot start "{}": its state is paused. It is paused; resume it.'],
    ['running', 'DELETE', '', 'Cannot delete "{}": its state is running. Stop it first.'],
    [
      'suspended',
      'PATCH',
      '',
      'Cannot reconfigure "{}": its state is suspended. It is suspended; start it first, or stop it with force, which discards its saved memory.',
    ],
    ['crashed', 'POST', '/stop', 'Cannot stop "{}": its state is crashed. It has crashed; stop it with force.'],
    [
      'stopped',
      'POST',
      '/console',
      'Cannot open a console of "{}": its state is stopped. It is powered off; start it first.',
    ],
  ] as const)('of a VM that is %s refuses %s %s', async (state, method, path, detail) => {
    const { id, nativeId } = await newVm({ state });
    const body = method === 'PATCH' ? { cpus: 2 } : method === 'POST' ? {} : undefined;
    expect(await problem(method, `/vms/${id}${path}`, body)).toMatchObject({
      status: 409,
      code: 'wrong-state',
      detail: detail.replace('{}', nativeId),
    });
  });

  it('takes by force what it refuses otherwise', async () => {
    const { id } = await newVm({ state: 'crashed' });
    expect((await house.ask('POST', `/vms/${id}/stop`, { force: true })).body.status).toBe('succeeded');
  });

  it.each([
    ['POST', '/vms/kvm-a~none/start', {}, 404, 'vm-not-found'],
    ['POST', '/vms/elsewhere~vm-1/start', {}, 404, 'vm-not-found'],
    ['GET', '/vms/kvm-a~none', undefined, 404, 'vm-not-found'],
    ['GET', '/vms/not-an-id', undefined, 400, 'invalid-input'],
    ['POST', '/vms', { host: 'elsewhere', name: 'x' }, 404, 'host-not-found'],
    ['POST', '/vms', { host: 'kvm-a', name: 'x', disks: [{ image: 'nope' }] }, 404, 'image-not-found'],
    ['POST', '/vms', { host: 'kvm-a', name: 'x', disks: [{ image: 'rescue' }] }, 404, 'image-not-found'],
    ['POST', '/vms', { host: 'kvm-a', name: 'x', cdrom: 'tiny-linux' }, 404, 'image-not-found'],
    ['POST', '/vms', { host: 'kvm-a', name: 'x', nics: [{ network: 'nope' }] }, 404, 'network-not-found'],
    ['POST', '/vms', { host: 'kvm-a', name: 'x', template: 'nope' }, 404, 'template-not-found'],
    ['POST', '/vms', { host: 'kvm-a', name: 'x', colour: 'red' }, 400, 'invalid-input'],
    ['POST', '/vms', { host: 'kvm-a', name: 'x', notAfter: '2020-01-01T00:00:00Z' }, 400, 'invalid-input'],
    ['POST', '/vms', { host: 'kvm-a', name: 'x', notAfter: '2999-01-01T00:00:00Z' }, 400, 'invalid-input'],
    ['GET', '/vms?limit=0', undefined, 400, 'invalid-input'],
    ['GET', '/vms?cursor=abc', undefined, 400, 'invalid-input'],
    ['GET', '/vms?colour=red', undefined, 400, 'invalid-input'],
    ['POST', '/vms/batch', { ids: ['kvm-a~1'], action: 'explode' }, 400, 'invalid-input'],
    ['POST', '/vms/batch', { ids: ['kvm-a~1'], action: 'stop', params: { force: 1 } }, 400, 'invalid-input'],
    ['POST', '/vms/batch', { action: 'stop' }, 400, 'invalid-input'],
    ['GET', '/operations/01938f5e-0000-7000-8000-000000000001', undefined, 404, 'operation-not-found'],
    ['POST', '/operations/01938f5e-0000-7000-8000-000000000001/cancel', {}, 404, 'operation-not-found'],
  ] as const)('%s %s %j is %d %s', async (method, path, body, status, code) => {
    expect(await problem(method, path, body)).toMatchObject({ status, code });
  });

  describe('PATCH', () => {
    it('of labels and notes ends at once, asks no agent, and is told as vm.updated', async () => {
      const { id } = await newVm({ state: 'suspended' });
      const before = agent.done.length;
      const change = { labels: { owner: 'ada' }, notes: 'hers' };
      const { status, body } = await house.call<Operation>('PATCH', `/vms/${id}`, change);
      expect(status).toBe(202);
      expect(body).toMatchObject({ verb: 'vm.annotate', status: 'succeeded', changed: true });
      expect(await house.vm(id)).toMatchObject({ labels: { owner: 'ada' }, notes: 'hers', protected: false });
      expect(agent.done).toHaveLength(before);
      await house.call('PATCH', `/vms/${id}`, { labels: {} });
      expect(await house.vm(id)).toMatchObject({ labels: {}, notes: 'hers' });
    });

    it('of hardware and labels does both when the agent succeeds, and neither when it fails', async () => {
      const { id } = await newVm();
      agent.failures.set('vm.reconfigure', new ProblemError('host-rejected', 'It said no.'));
      const failed = await house.ask('PATCH', `/vms/${id}`, { cpus: 4, labels: { tier: 'db' } });
      expect(failed.body).toMatchObject({ status: 'failed', error: { code: 'host-rejected', detail: 'It said no.' } });
      expect(await house.vm(id)).toMatchObject({ cpus: 1, labels: {} });
      agent.relax();
      expect((await house.ask('PATCH', `/vms/${id}`, { cpus: 4, labels: { tier: 'db' } })).body.status).toBe(
        'succeeded',
      );
      expect(await house.vm(id)).toMatchObject({ cpus: 4, labels: { tier: 'db' } });
    });

    it('keeps to If-Match, also among edits at the same time', async () => {
      const { id } = await newVm();
      const { headers } = await house.call('GET', `/vms/${id}`);
      const edit = (notes: string) => house.call('PATCH', `/vms/${id}`, { notes }, { 'if-match': headers.etag! });
      const statuses = (await Promise.all(['a', 'b', 'c', 'd'].map(edit))).map(({ status }) => status);
      expect(statuses.sort()).toEqual([202, 412, 412, 412]);
      expect(await problem('DELETE', `/vms/${id}`, undefined, { 'if-match': headers.etag! })).toMatchObject({
        status: 412,
        code: 'stale-revision',
      });
      const now = (await house.call('GET', `/vms/${id}`)).headers.etag!;
      expect((await house.call('PATCH', `/vms/${id}`, { notes: 'e' }, { 'if-match': now })).status).toBe(202);
    });

    it.each([
      [{}, 'invalid-input'],
      [{ whenOffline: 'queue' }, 'invalid-input'],
      [{ disks: [{ device: 'vda', sizeGiB: 20 }] }, 'invalid-input'],
      [{ addNics: [{ network: 'default' }] }, 'invalid-input'],
      [{ bootOrder: [] }, 'invalid-input'],
    ])('of %j is %s', async (body, code) => {
      const { id } = await newVm();
      expect(await problem('PATCH', `/vms/${id}`, body)).toMatchObject({ code });
    });
  });

  it('does not delete a protected VM, and forgets the labels of a deleted one', async () => {
    const { id, nativeId } = await newVm();
    await house.call('PATCH', `/vms/${id}`, { protected: true, labels: { old: 'yes' } });
    expect(await problem('DELETE', `/vms/${id}`)).toMatchObject({ status: 409, code: 'vm-protected' });
    await house.call('PATCH', `/vms/${id}`, { protected: false });
    expect((await house.ask('DELETE', `/vms/${id}`)).body).toMatchObject({ status: 'succeeded' });
    await eventually(async () => expect((await house.call('GET', `/vms/${id}`)).status).toBe(404));
    await agent.show(nativeId);
    await eventually(async () => expect(await house.vm(id)).toMatchObject({ labels: {}, protected: false }));
  });

  it('has the host look now, for who asks for it', async () => {
    const { id, nativeId } = await newVm();
    agent.vms.set(nativeId, { ...agent.vms.get(nativeId)!, memoryMiB: 4_096 });
    expect((await house.call<Vm>('GET', `/vms/${id}?fresh=true`)).body.memoryMiB).toBe(4_096);
    expect((await house.vm(id)).memoryMiB).toBe(4_096);
  });

  it('answers capability-missing with the reason of the host', async () => {
    const reason = 'This host keeps its disks on a file system without snapshots.';
    const other = await house.startAgent('kvm-b', {
      capabilities: {
        ...allCapabilities,
        snapshots: { available: false, reason },
        console: { available: true, features: { graphic: { available: false, reason: 'It has no screens.' } } },
      },
    });
    await other.show('vm-1', { state: 'running' });
    await eventually(async () => {
      expect(await problem('POST', '/vms/kvm-b~vm-1/snapshots', { name: 's' })).toEqual({
        status: 501,
        code: 'capability-missing',
        detail: reason,
        operationId: undefined,
      });
    });
    // One that has consoles may lack those of the kind that is asked for.
    expect(await problem('POST', '/vms/kvm-b~vm-1/console')).toMatchObject({
      status: 501,
      detail: 'It has no screens.',
    });
    await eventually(async () => {
      const { body } = await house.call<Page<Host>>('GET', '/hosts');
      expect(body.items.map(({ id, state }) => [id, state])).toEqual([
        ['kvm-a', 'ready'],
        ['kvm-b', 'ready'],
      ]);
    });
  });

  it('shows the operations of a VM, newest first, part by part', async () => {
    const { id } = await newVm();
    for (const action of ['start', 'stop', 'start']) await house.ask('POST', `/vms/${id}/${action}`);
    const first = await house.call<Page<Operation>>('GET', `/operations?vm=${id}&limit=2`);
    expect(first.body.items.map(({ verb }) => verb)).toEqual(['vm.start', 'vm.stop']);
    const rest = await house.call<Page<Operation>>('GET', `/operations?vm=${id}&cursor=${first.body.nextCursor}`);
    expect(rest.body.items.map(({ verb }) => verb)).toEqual(['vm.start']);
    expect(rest.body.nextCursor).toBeUndefined();
    const none = await house.call<Page<Operation>>('GET', `/operations?vm=${id}&status=failed,cancelled`);
    expect(none.body.items).toEqual([]);
  });

  it('lets viewers look and nothing else', async () => {
    const { id } = await newVm();
    const token = await house.gateway.as('viewer');
    const as = (method: string, path: string) =>
      house.gateway.call<Problem>(method, `/api/v1${path}`, { token, ...(method === 'POST' && { body: {} }) });
    expect((await as('GET', `/vms/${id}`)).status).toBe(200);
    for (const path of [`/vms/${id}/start`, `/vms/${id}/console`, '/vms']) {
      const { status, body } = await as('POST', path);
      expect([status, body.code]).toEqual([403, 'forbidden']);
    }
    const batch = await house.gateway.call<Problem>('POST', '/api/v1/vms/batch', {
      token,
      body: { ids: [id], action: 'start' },
    });
    expect(batch.body.code).toBe('forbidden');
  });
});
