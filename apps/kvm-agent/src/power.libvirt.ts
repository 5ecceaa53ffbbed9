import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NativeId } from '@polyvirt/contracts';
import type { Domain } from '@polyvirt/node-libvirt';
import { LiveHost } from './testing/live-host.ts';

const timeoutMs = 120_000;
const graceful = { force: false, timeoutSeconds: 1 };
const forced = { force: true, timeoutSeconds: 1 };

describe('the power of a domain', () => {
  let host: LiveHost;

  beforeAll(async () => {
    host = await LiveHost.open();
  }, timeoutMs);
  afterAll(() => host.close(), timeoutMs);

  const start = (id: NativeId) => host.run((context) => host.driver.start(id, context));
  const stop = (id: NativeId, how = forced) => host.run((context) => host.driver.stop(id, how, context));
  const restart = (id: NativeId, how = forced) => host.run((context) => host.driver.restart(id, how, context));
  const refusal = async (asking: Promise<unknown>): Promise<string> => {
    const problem = await asking.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(problem).toMatchObject({ code: 'wrong-state' });
    return (problem as Error).message;
  };

  it(
    'that QEMU refused to start is stopped, and nothing crashed',
    async () => {
      const missing = `<disk type='file' device='disk'><source file='${host.pool.path}/none.raw'/><target dev='vda'/></disk>`;
      const { uuid } = await host.define({ name: 'refused', devices: missing });
      await expect(start(uuid)).rejects.toMatchObject({ code: 'host-rejected' });
      expect(await host.stateOf(uuid)).toBe('stopped');
      expect(await stop(uuid)).toBe('unchanged');
      expect(await stop(uuid, graceful)).toBe('unchanged');
      expect(await refusal(restart(uuid))).toContain('start it first');
      expect(await host.stateOf(uuid)).toBe('stopped');
    },
    timeoutMs,
  );

  it(
    'that crashed is told so until it is stopped by force, and is told so again when it crashes again',
    async () => {
      const domain = await host.define({ name: 'crashed' });
      const { uuid } = domain;
      for (let time = 0; time < 2; time += 1) {
        expect(await start(uuid)).toBe('changed');
        await host.crash(domain);
        expect(await host.stateOf(uuid)).toBe('crashed');
        expect(await refusal(stop(uuid, graceful))).toContain('force');
        expect(await stop(uuid)).toBe('changed');
        expect(await host.stateOf(uuid)).toBe('stopped');
        expect(await stop(uuid)).toBe('unchanged');
      }
      // What the agent notes of it goes with the next start, whoever starts it.
      await domain.start();
      for await (const change of host.driver.watch.changes(AbortSignal.timeout(10_000)))
        if (change === 'everything') break;
      await host.until(async () => !(await domain.xml()).includes('crashSettled'));
      await host.crash(domain);
      expect(await host.stateOf(uuid)).toBe('crashed');
      expect(await restart(uuid)).toBe('changed');
      expect(await host.stateOf(uuid)).toBe('running');
    },
    timeoutMs,
  );

  it(
    'that is being started by somebody is waited for, and not started anew',
    async () => {
      const domain = await host.define({ name: 'starting' });
      // The other end of it is killed, so nobody hears of it.
      const theirs = domain.start();
      await host.until(() => domain.isActive());
      const { id } = await host.libvirt.domains.get(domain.uuid);
      await start(domain.uuid);
      expect(await host.stateOf(domain.uuid)).toBe('running');
      expect((await theirs).uuid).toBe(domain.uuid);
      expect((await host.libvirt.domains.get(domain.uuid)).id).toBe(id);
    },
    timeoutMs,
  );

  describe('whose guest panicked and that was kept for a look', () => {
    const panicked = async (name: string): Promise<Domain> => {
      const domain = await host.define({
        name,
        devices: `<panic model='isa'/>`,
        tail: '<on_crash>preserve</on_crash>',
      });
      await domain.start();
      // What the guest's kernel would do.
      const panic = { 'command-line': 'o /1 0x505 1' };
      await domain.monitorCommand({ execute: 'human-monitor-command', arguments: panic });
      await host.until(async () => (await host.stateOf(domain.uuid)) === 'crashed');
      expect(await domain.isActive()).toBe(true);
      return domain;
    };

    it(
      'is stopped by force, which changes it',
      async () => {
        const { uuid } = await panicked('kept-a');
        expect(await stop(uuid)).toBe('changed');
        expect(await host.stateOf(uuid)).toBe('stopped');
        expect(await stop(uuid)).toBe('unchanged');
      },
      timeoutMs,
    );

    it(
      'is started anew, as the advice says',
      async () => {
        const { uuid } = await panicked('kept-b');
        expect(await refusal(host.run((context) => host.driver.reset(uuid, context)))).toContain('start it');
        expect(await start(uuid)).toBe('changed');
        expect(await host.stateOf(uuid)).toBe('running');
      },
      timeoutMs,
    );

    it(
      'is cloned when what is left of it has been stopped, and deleted with that',
      async () => {
        const domain = await panicked('kept-c');
        const { uuid } = domain;
        const clone = () =>
          host.run((context) =>
            host.driver.clone.clone(uuid, { name: `${host.prefix}kept-d`, linked: false, start: false }, context),
          );
        const advice = await refusal(clone());
        expect(advice).toContain('stop it with force');
        expect(advice).not.toContain('Somebody');
        const change = { name: `${host.prefix}kept-e`, cpus: 2 };
        const changed = await host.run((context) => host.driver.reconfigure.apply(uuid, change, context));
        expect(changed.effect).toBe('changed');
        const { state, pendingChanges } = await host.driver.get(uuid);
        expect([state, await domain.isActive(), pendingChanges]).toMatchObject([
          'crashed',
          true,
          [
            { pointer: '/name', to: change.name },
            { pointer: '/cpus', to: 2 },
          ],
        ]);
        expect(await host.run((context) => host.driver.delete(uuid, { disks: 'delete' }, context))).toMatchObject({
          effect: 'changed',
        });
        await expect(host.driver.get(uuid)).rejects.toMatchObject({ code: 'vm-not-found' });
      },
      timeoutMs,
    );
  });

  it(
    'that is transient is told as such, and nothing that would end it is done',
    async () => {
      const { uuid } = await host.libvirt.domains.createTransient(host.xml({ name: `${host.prefix}transient` }));
      expect(await host.driver.get(uuid)).toMatchObject({ state: 'running', transient: true });
      expect((await host.list()).get('transient')).toMatchObject({ transient: true });
      const { driver } = host;
      const asks = [
        restart(uuid),
        restart(uuid, graceful),
        host.run((context) => driver.suspend.suspend(uuid, context)),
        host.run((context) => driver.reconfigure.apply(uuid, { name: `${host.prefix}other` }, context)),
      ];
      for (const asking of asks) {
        const advice = await refusal(asking);
        expect(advice).toContain('virsh define');
        expect(advice).not.toContain('Stop it first');
        expect(advice).not.toContain('destroy');
      }
      const ends = [
        stop(uuid),
        stop(uuid, graceful),
        host.run((context) => driver.delete(uuid, { disks: 'delete' }, context)),
      ];
      for (const ending of ends) expect(await refusal(ending)).toMatch(/virsh define.*virsh destroy/);
      expect(await host.run((context) => driver.suspend.pause(uuid, context))).toBe('changed');
      expect(await host.run((context) => driver.suspend.resume(uuid, context))).toBe('changed');
      expect(await host.stateOf(uuid)).toBe('running');
    },
    timeoutMs,
  );

  it(
    'that starts again when its guest powers off can be stopped, and is as it was when it did not stop',
    async () => {
      const domain = await host.define({ name: 'undying', tail: '<on_poweroff>restart</on_poweroff>' });
      const { uuid } = domain;
      await start(uuid);
      await expect(stop(uuid, graceful)).rejects.toMatchObject({ code: 'timed-out' });
      expect(await domain.xml()).toContain('<on_poweroff>restart</on_poweroff>');
      expect(await stop(uuid)).toBe('changed');
      expect(await host.stateOf(uuid)).toBe('stopped');
    },
    timeoutMs,
  );
});
