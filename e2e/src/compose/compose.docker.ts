import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireSuccess, type Client, type Operation } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { root, run } from '@polyvirt/tools';
import { operationWhen, readVm, vmWhen } from '../requests.ts';
import { Composition, patienceMs } from './composition.ts';

const local = 'vmware-local';
const disks = [{ sizeGiB: 1 }];
/** Machines that are made while services are restarted, at most: a quick machine would make more than one page. */
const most = 80;
const hasEnded = ({ status }: Operation) => status !== 'pending' && status !== 'running';

/** Up as README says it, from nothing but the images. */
describe('docker-compose.yml', () => {
  let composition: Composition;
  let admin: Client;

  beforeAll(async () => {
    composition = await Composition.open();
    await composition.compose(['up', '-d']);
    await composition.healthy();
    admin = await composition.admin();
    await composition.compose(['--profile', 'vmware-simulator', 'up', '-d']);
    await isReady(local);
  }, 6 * patienceMs);
  afterAll(() => composition?.close(), patienceMs);

  const isReady = (hostId: string) =>
    eventually(async () => {
      const { data } = await admin.GET('/api/v1/hosts/{hostId}', { params: { path: { hostId } } });
      if (data.state !== 'ready') throw new Error(`${hostId} is ${data.state}`);
    }, patienceMs);
  const names = async (prefix = '') => {
    const { data } = await admin.GET('/api/v1/vms', { params: { query: { limit: 200 } } });
    return data.items
      .map(({ name }) => name)
      .filter((name) => name.startsWith(prefix))
      .sort();
  };

  it('is started as README says', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const told = [...readme.matchAll(/docker-compose ((?:build|up|run|--profile)[^&#\n]*)/g)].map(([, args]) =>
      args!.trim(),
    );
    expect(told.length).toBeGreaterThan(3);
    expect([...composition.commands]).toEqual(expect.arrayContaining(told));
  });

  it(
    'has a host in another network join by the line of `polyvirt host add`, with a machine that boots on real libvirt',
    async () => {
      const host = 'lab-1';
      const { data: invitation } = await admin.POST('/api/v1/hosts', { body: { id: host, hypervisor: 'kvm' } });
      expect(invitation.notes).toEqual([]);
      const elsewhere = { project: 'second', env: { POLYVIRT_JOIN: invitation.command } };
      await composition.compose(['--profile', 'kvm', 'up', '-d', 'kvm-agent'], elsewhere);
      await isReady(host);
      const { data: made } = await admin.POST('/api/v1/vms', {
        body: {
          ...{ host, name: 'web-1', memoryMiB: 160, start: true },
          ...{ disks: [{ image: 'tiny-linux' }], nics: [{ network: 'default' }] },
        },
      });
      const vmId = requireSuccess(await operationWhen(admin, made.id, hasEnded, patienceMs)).vmId!;
      // The guest has asked for it, so that it has booted.
      const running = await vmWhen(admin, vmId, ({ nics }) => nics[0]!.addresses.length > 0, patienceMs);
      expect(running.state).toBe('running');
      await eventually(async () => {
        const { data: archive } = await admin.GET('/api/v1/archives/{vmId}', { params: { path: { vmId } } });
        expect(archive.history.map(({ event }) => event)).toContain('vm.created');
      }, patienceMs);
      // It joins once: the same line does not keep it from starting again.
      await composition.compose(['--profile', 'kvm', 'up', '-d', '--force-recreate', 'kvm-agent'], elsewhere);
      await composition.healthy();
      await isReady(host);
      expect((await readVm(admin, vmId)).state).toBe('running');
    },
    5 * patienceMs,
  );

  it(
    'loses and doubles nothing while MariaDB and NATS are restarted under load',
    async () => {
      const prefix = 'load-';
      const wanted: string[] = [];
      let isOver = false;
      /** As a client does that was cut off: the same request again, by the same key. */
      const make = async (name: string) => {
        const header = { 'Idempotency-Key': randomUUID() };
        const accepted = await eventually(
          async () =>
            (await admin.POST('/api/v1/vms', { body: { host: local, name, disks }, params: { header } })).data,
          patienceMs,
        );
        requireSuccess(await operationWhen(admin, accepted.id, hasEnded, patienceMs));
      };
      const worker = async (letter: string) => {
        for (let n = 1; !isOver && wanted.length < most; n += 1) {
          const name = `${prefix}${letter}-${n}`;
          wanted.push(name);
          await make(name);
        }
      };
      const work = Promise.all(['a', 'b'].map(worker));
      // Awaited below; until then a failure has somebody who listens.
      work.catch(() => undefined);
      const isFurther = async () => {
        const begun = wanted.length;
        const isMore = () => expect(wanted.length).toBeGreaterThan(Math.min(begun + 1, most - 1));
        await Promise.race([work, eventually(isMore, patienceMs)]);
      };
      for (const service of ['database', 'nats']) {
        await isFurther();
        await composition.compose(['restart', service]);
        await isFurther();
      }
      isOver = true;
      await work;
      await eventually(async () => expect(await names(prefix)).toEqual([...wanted].sort()), patienceMs);
      await composition.healthy();
    },
    5 * patienceMs,
  );

  it(
    'is backed up into a file, and is all there when that is restored into nothing',
    async () => {
      const { data: made } = await admin.POST('/api/v1/vms', { body: { host: local, name: 'kept', disks } });
      requireSuccess(await operationWhen(admin, made.id, hasEnded, patienceMs));
      await eventually(async () => expect(await names()).toContain('kept'), patienceMs);
      const before = await names();
      const file = join(composition.folder, 'polyvirt.tar');
      const backup = (what: string) =>
        run('sh', [join(root, 'deploy/backup.sh'), what, file], {
          env: { ...composition.env, COMPOSE_PROJECT_NAME: 'polyvirt' },
          timeoutMs: 2 * patienceMs,
        });
      const compose = (...args: string[]) => composition.compose(['--profile', 'vmware-simulator', ...args]);
      await expect(backup('backup')).rejects.toThrow('polyvirt runs: stop it first');
      await compose('stop');
      await backup('backup');
      await expect(backup('restore')).rejects.toThrow('polyvirt has volumes: have them forgotten first');
      await compose('down', '--volumes');
      await backup('restore');
      await compose('up', '-d');
      // A host on another machine has only noticed that the bus was away: its agent is among those that have to be well again.
      await composition.healthy();
      // By the same password and authority: the same client.
      await isReady(local);
      await eventually(async () => expect(await names()).toEqual(before), patienceMs);
    },
    5 * patienceMs,
  );
});
