import { performance } from 'node:perf_hooks';
import { Agent } from '@polyvirt/agent-kit';
import { requireSuccess } from '@polyvirt/api-client';
import type { HostId, NativeId } from '@polyvirt/contracts';
import type { Stack } from '@polyvirt/e2e/stack';
import { FakeDriver, type Effect, type OperationContext } from '@polyvirt/hypervisor';

/** A sample of one way, in ms. */
export type Sample = () => Promise<number>;

/** Tells when the driver is called to start a VM. */
class TellingDriver extends FakeDriver {
  onStart: (atMs: number) => void = () => undefined;

  override start(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    this.onStart(performance.now());
    return super.start(nativeId, context);
  }
}

/**
 * Takes from sending `POST …/start` until the driver is called; the VM is stopped again afterwards. The agent of the host moves
 * into this process, so that both ends read the same clock.
 */
export async function startOn(stack: Stack, host: HostId, cleanup: AsyncDisposableStack): Promise<Sample> {
  await stack.kill(`agent-${host}`, 'SIGTERM');
  const driver = new TellingDriver({});
  const agent = await Agent.start({
    driver,
    version: 'bench',
    config: {
      hostId: host,
      natsUrl: stack.nats.url,
      natsCredentials: stack.nats.credentialsOf(`agent-${host}`),
      logLevel: 'silent',
      metricsSeconds: 300,
      reconcileSeconds: 3_600,
      drainSeconds: 1,
    },
  });
  cleanup.defer(() => agent.stop());
  const client = stack.admin;
  const wait = { Prefer: 'wait=30' };
  const body = { host, name: 'bench', disks: [{ sizeGiB: 1 }] };
  const { data: made } = await client.POST('/api/v1/vms', { body, params: { header: wait } });
  const path = { vmId: requireSuccess(made).vmId! };
  return async () => {
    const called = new Promise<number>((resolve) => (driver.onStart = resolve));
    const sent = performance.now();
    const { data } = await client.POST('/api/v1/vms/{vmId}/start', { body: {}, params: { path } });
    const took = (await called) - sent;
    requireSuccess(await client.waitForOperation(data.id));
    await client.POST('/api/v1/vms/{vmId}/stop', { body: { force: true }, params: { path, header: wait } });
    return took;
  };
}
