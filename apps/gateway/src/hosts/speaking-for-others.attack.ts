import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { operationFailed, type Host, type Metrics, type Operation, type VmRecord } from '@polyvirt/contracts';
import { io } from 'socket.io-client';
import { problemIn } from '../testing/test-gateway.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';

const theirs = 'kvm-b~theirs';

/** What the bus cannot see: it vouches for the subject, and for nothing that is written below it. */
describe('an agent that was taken over and speaks for another host', () => {
  let house: TestHouse;
  let mallory: FakeAgent;
  let honest: FakeAgent;
  beforeAll(async () => {
    house = await TestHouse.start({ hosts: ['kvm-a', 'kvm-b'] });
    mallory = await house.startAgent('kvm-a');
    honest = await house.startAgent('kvm-b');
    await mallory.show('mine', { state: 'running' });
    await honest.show('theirs', { state: 'running' });
    for (const id of ['kvm-a~mine', theirs])
      await eventually(async () => expect((await house.call('GET', `/vms/${id}`)).status).toBe(200));
    for (const id of ['kvm-a', 'kvm-b'])
      await eventually(async () => expect((await house.call<Host>('GET', `/hosts/${id}`)).body.state).toBe('ready'));
  });
  afterAll(() => house.stop());

  it('is not believed when it answers a question about its own VM with the record of another', async () => {
    const record = honest.vms.get('theirs')!;
    const mine = mallory.vms.get('mine')!;
    // Written to its own key as well, which is newer than what the other host has written.
    mallory.vms.set('mine', { ...record, name: 'forged', state: 'crashed' });
    const answer = await house.call('GET', '/vms/kvm-a~mine?fresh=true');
    expect(problemIn(answer)).toMatchObject({ code: 'host-rejected', detail: expect.stringContaining(theirs) });
    mallory.vms.set('mine', mine);
    expect((await house.call('GET', '/vms/kvm-a~mine?fresh=true')).status).toBe(200);
    for (const query of ['', '?fresh=true'])
      expect((await house.call<VmRecord>('GET', `/vms/${theirs}${query}`)).body).toMatchObject({
        name: 'theirs',
        state: 'running',
      });
  });

  it('is not heard with readings of the VM of another', async () => {
    await house.gateway.app.listen(0, '127.0.0.1');
    const url = await house.gateway.app.getUrl();
    const socket = io(url, { transports: ['websocket'], forceNew: true, auth: { token: house.token } });
    const heard: (number | undefined)[] = [];
    socket.on('metrics', ({ readings }: { readings: Metrics[] }) =>
      heard.push(...readings.map(({ cpuPercent }) => cpuPercent)),
    );
    await socket.timeout(30_000).emitWithAck('subscribe', { topics: [`metrics:${theirs}`] });
    const reading = (cpuPercent: number): Metrics => ({
      ...{ vmId: theirs, state: 'running', cpuPercent, disks: [], networks: [] },
      observedAt: new Date().toISOString(),
    });
    const present = async () => (await house.call<Metrics>('GET', `/vms/${theirs}/metrics`)).body.cpuPercent;
    await eventually(async () => {
      mallory.measure([reading(99)]);
      honest.measure([reading(10)]);
      expect(await present()).toBe(10);
      expect(heard).toContain(10);
    });
    expect(heard).not.toContain(99);
    socket.disconnect();
  });

  it('ends no operation of another', async () => {
    const gate = honest.hold('vm.stop');
    const { body } = await house.call<Operation>('POST', `/vms/${theirs}/stop`, { force: true });
    const operation = async () => (await house.call<Operation>('GET', `/operations/${body.id}`)).body;
    await eventually(async () => expect((await operation()).status).toBe('running'));
    const { vmId: _, ...rest } = await operation();
    const ended = { ...rest, status: 'failed', endedAt: new Date().toISOString() };
    for (const [n, change] of [{ host: 'kvm-a' }, { host: 'kvm-b' }, { host: undefined }].entries())
      await mallory.tell(operationFailed, `forged-${n}`, body.id, { operation: { ...ended, ...change } });
    gate.release();
    await eventually(async () => expect((await operation()).endedAt).toBeDefined());
    expect(await operation()).toMatchObject({ status: 'succeeded', host: 'kvm-b', vmId: theirs });
  });
});
