import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { planVm, ProblemError, type BatchPlan, type Operation, type Page, type Plan } from '@polyvirt/contracts';
import { AuditLinker } from '../audit/audit-linker.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';

const vm = (name: string) => `/vms/kvm-a~${name}`;

describe('a plan', () => {
  let house: TestHouse;
  let agent: FakeAgent;

  beforeAll(async () => {
    house = await TestHouse.start({ hosts: ['kvm-a', 'kvm-b'] });
    agent = await house.startAgent('kvm-a', { capacity: { cpus: 2, memoryMiB: 2_048 } });
    await agent.show('off', { nics: [] });
    await agent.show('on', { state: 'running', cpus: 2, nics: [] });
    await agent.show('waiting', { state: 'running', nics: [], pendingChanges: [{ pointer: '/cpus', from: 1, to: 2 }] });
    // Of these the tests change something.
    await agent.show('stopping', { state: 'running', cpus: undefined, memoryMiB: undefined, nics: [] });
    await agent.show('changing', { nics: [] });
    await agent.show('labelled', { nics: [] });
    await agent.show('diskless', { nics: [], disks: [] });
    await eventually(async () => {
      const { body } = await house.call<Page<object>>('GET', '/vms');
      expect(body.items).toHaveLength(7);
    });
  });
  afterEach(() => agent.relax());
  afterAll(() => house.stop());

  const plan = async (method: string, path: string, body?: object, headers = {}) =>
    (await house.call<Plan>(method, `${path}${path.includes('?') ? '&' : '?'}dryRun=true`, body, headers)).body;

  it.each<[string, string, object | undefined, object]>([
    [
      'POST',
      `${vm('off')}/start`,
      {},
      { changes: [{ pointer: '/state', from: 'stopped', to: 'running', when: 'now' }], disruption: 'none' },
    ],
    ['POST', `${vm('on')}/start`, {}, { changes: [], disruption: 'none' }],
    ['POST', `${vm('on')}/stop`, {}, { disruption: 'guest-restart' }],
    ['POST', `${vm('on')}/stop`, { force: true }, { disruption: 'power-cycle' }],
    ['POST', `${vm('on')}/reset`, {}, { disruption: 'power-cycle' }],
    ['POST', `${vm('on')}/pause`, {}, { disruption: 'none' }],
    [
      'POST',
      `${vm('waiting')}/restart`,
      {},
      {
        disruption: 'guest-restart',
        changes: [
          { pointer: '/state', from: 'running', to: 'running', when: 'now' },
          { pointer: '/cpus', from: 1, to: 2, when: 'now' },
        ],
      },
    ],
    [
      'DELETE',
      `${vm('waiting')}/pending-changes`,
      undefined,
      { changes: [{ pointer: '/cpus', from: 2, to: 1, when: 'next-power-off' }], disruption: 'none' },
    ],
    [
      'PATCH',
      vm('off'),
      { cpus: 2, labels: { env: 'test' } },
      {
        changes: [
          { pointer: '/cpus', from: 1, to: 2, when: 'now' },
          { pointer: '/labels', from: {}, to: { env: 'test' }, when: 'now' },
        ],
      },
    ],
    [
      'PATCH',
      `${vm('off')}/disks/vda`,
      { sizeGiB: 20 },
      { changes: [{ pointer: '/disks/0/sizeGiB', from: 10, to: 20, when: 'now' }] },
    ],
    [
      'POST',
      `${vm('off')}/disks`,
      { sizeGiB: 5 },
      { changes: [{ pointer: '/disks/-', to: { sizeGiB: 5 }, when: 'now' }], disruption: 'none' },
    ],
    [
      'DELETE',
      `${vm('off')}/disks/vda`,
      undefined,
      { changes: [{ pointer: '/disks/0', from: { device: 'vda', sizeGiB: 10 }, when: 'now' }], disruption: 'none' },
    ],
    ['DELETE', `${vm('off')}/disks/vda?keep=false`, undefined, { disruption: 'data-loss' }],
    [
      'PUT',
      `${vm('off')}/cdrom`,
      { image: 'rescue' },
      { changes: [{ pointer: '/cdrom', to: 'rescue', when: 'now' }], disruption: 'none' },
    ],
    ['PATCH', vm('off'), { cpus: 1, notes: '' }, { changes: [] }],
    ['PATCH', vm('off'), { notes: 'n' }, { changes: [{ pointer: '/notes', from: '', to: 'n', when: 'now' }] }],
    ['DELETE', vm('off'), undefined, { disruption: 'data-loss' }],
    [
      'DELETE',
      `${vm('off')}?disks=keep`,
      undefined,
      { disruption: 'none', warnings: [expect.objectContaining({ code: 'disks-kept' })] },
    ],
  ])('%s %s %j says what would be', async (method, path, body, expected) => {
    expect(await plan(method, path, body)).toMatchObject({ ...expected, partial: false });
  });

  it('leaves no trace: no operation, no command, no record, no key that is used up', async () => {
    const look = async () => {
      // A record has its number in the chain a moment after it is there.
      await house.gateway.app.get(AuditLinker).link();
      return {
        operations: (await house.call('GET', '/operations')).body,
        audit: (await house.call('GET', '/audit')).body,
        off: (await house.call('GET', vm('off'))).body,
        done: [...agent.done],
      };
    };
    const before = await look();
    const key = { 'idempotency-key': 'planned first' };
    await plan('POST', '/vms', { host: 'kvm-a', name: 'new' }, key);
    await plan('POST', '/vms', { host: 'kvm-a', name: 'another' }, key);
    expect(await look()).toEqual(before);
    const refused = await house.call('POST', `${vm('off')}/pause?dryRun=true`);
    expect(refused).toMatchObject({ status: 409, body: { code: 'wrong-state' } });
    expect(await look()).toEqual(before);
  });

  it('warns of what would be given out twice, and of data that the guest would ignore', async () => {
    const create = { host: 'kvm-a', name: 'new', cpus: 1, start: true, cloudInit: { userData: 'hello' } };
    const { warnings } = await plan('POST', '/vms', create);
    expect(warnings).toEqual([
      expect.objectContaining({ code: 'user-data', pointer: '/cloudInit/userData' }),
      { code: 'overcommit', detail: '4 of 2 CPUs of kvm-a would be given out.', pointer: '/cpus' },
    ]);
    expect((await plan('POST', '/vms', { ...create, start: false, cloudInit: undefined })).warnings).toEqual([]);
  });

  it('has what the host adds', async () => {
    agent.forecast = {
      changes: [{ pointer: '/cpus', when: 'next-power-off' }],
      disruption: 'power-cycle',
      steps: [{ name: 'set the CPUs', native: 'domain_set_vcpus_flags' }],
      warnings: [{ code: 'slow', detail: 'It takes a while.' }],
    };
    expect(await plan('PATCH', vm('off'), { cpus: 2 })).toEqual({
      changes: [{ pointer: '/cpus', from: 1, to: 2, when: 'next-power-off' }],
      disruption: 'power-cycle',
      steps: agent.forecast.steps,
      warnings: agent.forecast.warnings,
      partial: false,
    });
  });

  const tooMuch = new ProblemError('insufficient-capacity', '9 GiB do not fit beside 2.', {
    errors: [{ pointer: '/name', detail: 'No.' }],
  });
  // As the driver of Nutanix says it, which hands a guest user data only.
  const noNetworkConfig = new ProblemError('invalid-input', 'Leave the network configuration out.', {
    errors: [{ pointer: '/cloudInit/networkConfig', detail: 'Not on this hypervisor.' }],
  });
  // As that of KVM says it of a VM without a disk.
  const noDisk = new ProblemError('capability-missing', 'A snapshot is kept inside the disks, and this VM has none.');
  const cloudInit = { userData: '#cloud-config\n', networkConfig: 'version: 2\n' };

  it.each<[string, string, object, string, ProblemError, number]>([
    ['POST', '/vms', { host: 'kvm-a', name: 'new' }, 'vm.create', tooMuch, 507],
    ['PATCH', vm('off'), { cpus: 2 }, 'vm.reconfigure', tooMuch, 507],
    ['POST', `${vm('off')}/clone`, { name: 'copy' }, 'vm.clone', tooMuch, 507],
    ['POST', `${vm('off')}/snapshots`, { name: 's' }, 'vm.snapshot-create', tooMuch, 507],
    ['POST', '/vms', { host: 'kvm-a', name: 'new', cloudInit }, 'vm.create', noNetworkConfig, 400],
    ['POST', `${vm('diskless')}/snapshots`, { name: 's' }, 'vm.snapshot-create', noDisk, 501],
    ['POST', `${vm('diskless')}/snapshots`, { name: 's', memory: false }, 'vm.snapshot-create', noDisk, 501],
  ])(
    'is asked of the host for %s %s %j, and the change is refused at once in the same words',
    async (method, path, body, verb, problem, status) => {
      agent.foreseen.set(verb, problem);
      const operations = async () => (await house.call<Page<Operation>>('GET', '/operations')).body.items.length;
      const before = await operations();
      const answers = [await house.call(method, `${path}?dryRun=true`, body), await house.call(method, path, body)];
      const { code, message: detail, extras } = problem;
      for (const answer of answers) expect(answer).toMatchObject({ status, body: { code, detail, ...extras } });
      expect(await operations()).toBe(before);
    },
  );

  it('is not asked for before a power verb', async () => {
    agent.foreseen.set('vm.stop', new ProblemError('host-rejected', 'Asked in vain.'));
    const { status } = await house.ask('POST', `${vm('stopping')}/stop`, { force: true });
    expect(status).toBe(200);
  });

  it('is partial when the host is silent, and the change goes its way', async () => {
    agent.foreseen.set('vm.reconfigure', new ProblemError('timed-out', 'Too slow.'));
    expect(await plan('PATCH', vm('off'), { cpus: 2 })).toMatchObject({
      changes: [{ pointer: '/cpus', from: 1, to: 2, when: 'now' }],
      partial: true,
    });
    const { status, body } = await house.ask('PATCH', vm('changing'), { memoryMiB: 1_024 });
    expect({ status, body }).toMatchObject({ status: 200, body: { status: 'succeeded' } });
  });

  it('is partial and says why when the agent is older than the question, and the change goes its way', async () => {
    const older = await house.startAgent('kvm-b');
    try {
      older.unlearn(planVm);
      await older.show('any', { nics: [] });
      const path = '/vms/kvm-b~any';
      await eventually(async () => expect((await house.call('GET', path)).status).toBe(200));
      expect(await plan('PATCH', path, { cpus: 2 })).toMatchObject({
        changes: [{ pointer: '/cpus', from: 1, to: 2, when: 'now' }],
        warnings: [{ code: 'agent-older', detail: expect.stringContaining('Update the agent') }],
        partial: true,
      });
      const { status, body } = await house.ask('PATCH', path, { cpus: 2 });
      expect({ status, body }).toMatchObject({ status: 200, body: { status: 'succeeded' } });
    } finally {
      await older.end();
    }
  });

  it('of a batch waits once for a host that is silent', async () => {
    agent.foreseen.set('vm.reset', new ProblemError('timed-out', 'Too slow.'));
    const before = agent.planned.length;
    const order = { ids: ['kvm-a~on', 'kvm-a~waiting'], action: 'reset', maxParallel: 1 };
    const { body } = await house.call<BatchPlan>('POST', '/vms/batch?dryRun=true', order);
    expect(body.items).toMatchObject([{ plan: { partial: true } }, { plan: { partial: true } }]);
    expect(agent.planned.length - before).toBe(1);
  });

  it('heeds If-Match', async () => {
    const stale = { 'if-match': '"0-0"' };
    expect(await house.call('PATCH', `${vm('off')}?dryRun=true`, { cpus: 2 }, stale)).toMatchObject({ status: 412 });
    expect(await house.call('PATCH', `${vm('off')}?dryRun=true`, { notes: 'n' }, stale)).toMatchObject({ status: 412 });
  });

  it('of a batch has the plan or the problem of each part, and the worst disruption', async () => {
    const ids = ['kvm-a~on', 'kvm-a~off', 'kvm-a~nothing'];
    const { body } = await house.call<BatchPlan>('POST', '/vms/batch?dryRun=true', {
      ids,
      action: 'reset',
    });
    expect(body).toMatchObject({
      items: [
        { vmId: ids[0], plan: { disruption: 'power-cycle' } },
        { vmId: ids[1], problem: { code: 'wrong-state' } },
        { vmId: ids[2], problem: { code: 'vm-not-found' } },
      ],
      disruption: 'power-cycle',
    });
    const { body: labelled } = await house.ask('POST', '/vms/batch', {
      ids: ['kvm-a~labelled', 'kvm-a~changing'],
      action: 'reconfigure',
      params: { labels: { team: 'red' } },
    });
    expect(labelled).toMatchObject({ status: 'succeeded', result: { succeeded: 2 } });
    expect((await house.vm('kvm-a~labelled')).labels).toEqual({ team: 'red' });
    // A part that was refused has everything that another try takes.
    const { body: missed } = await house.ask('POST', '/vms/batch', {
      ids: ['kvm-a~later'],
      action: 'reconfigure',
      params: { labels: { team: 'blue' } },
    });
    expect(missed.status).toBe('failed');
    const [part] = missed.result!.operations!;
    await agent.show('later', { nics: [] });
    await eventually(async () => expect((await house.call('GET', vm('later'))).status).toBe(200));
    const { body: again } = await house.ask('POST', `/operations/${part}/retry`);
    expect(again).toMatchObject({ status: 'succeeded', retryOf: part });
    expect((await house.vm('kvm-a~later')).labels).toEqual({ team: 'blue' });
  });
});

describe('a snapshot', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  const snapshot = (id: string, name: string) => ({
    ...{ id, name, parent: null, current: false, memory: false, state: 'stopped' as const },
    createdAt: '2026-01-01T00:00:00.000Z',
  });

  beforeAll(async () => {
    house = await TestHouse.start({ hosts: ['kvm-a'] });
    agent = await house.startAgent('kvm-a');
    await agent.show('one', { snapshots: [snapshot('1', 'clean'), snapshot('2', 'twice'), snapshot('3', 'twice')] });
    await eventually(async () => expect((await house.call('GET', vm('one'))).status).toBe(200));
  });
  afterAll(() => house.stop());

  it.each([
    ['POST', `${vm('one')}/snapshots/clean/revert`, undefined],
    ['DELETE', `${vm('one')}/snapshots/clean`, undefined],
    ['POST', `${vm('one')}/clone`, { name: 'copy', snapshot: 'clean' }],
  ])('is known by a name of its own as well: %s %s', async (method, path, body) => {
    await house.ask(method, path, body);
    expect(agent.inputs.at(-1)).toMatchObject({ snapshot: '1' });
  });

  it('is not guessed from a name that several have', async () => {
    const answer = await house.call('POST', `${vm('one')}/snapshots/twice/revert`);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-input', errors: [{ pointer: 'snapshot' }] } });
  });
});
