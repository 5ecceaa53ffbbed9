import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { CreateVm } from '@polyvirt/contracts';
import { Dice } from '@polyvirt/hypervisor/testing';
import type { Domain } from '@polyvirt/node-libvirt';
import { snapshotsIn } from '../storage/qemu-img.ts';
import { LiveHost } from '../testing/live-host.ts';

const run = promisify(execFile);
const NVRAM = '/var/lib/libvirt/qemu/nvram';
const SEED = 1;
const STEPS = 60;
/** For a machine that hangs. */
const timeoutMs = 600_000;

/** What of a machine a snapshot brings back, as hashes. */
type Look = { disks: string[]; nvram: string };

describe('on libvirt, a random tree of snapshots of a UEFI machine', () => {
  let host: LiveHost;
  let domain: Domain;
  let paths: string[];
  const dice = new Dice(SEED);

  beforeAll(async () => {
    host = await LiveHost.open();
    const disks = Array.from({ length: 2 }, () => ({ sizeGiB: 1, copy: 'cow' }));
    const body = CreateVm.parse({ name: `${host.prefix}tree`, memoryMiB: 96, firmware: 'uefi', disks });
    const { nativeId } = await host.run((context) => host.driver.create(body, context));
    domain = host.libvirt.domains.reference(nativeId);
    // Its variables come to be with its first start.
    await domain.start({ paused: true });
    await domain.destroy();
    paths = (await host.driver.get(nativeId)).disks.map(({ path }) => path!);
  }, timeoutMs);
  afterAll(() => host.close(), timeoutMs);

  const facet = () => host.driver.snapshots;
  const nvram = () => `${NVRAM}/${domain.uuid}_VARS.fd`;
  const hash = (content: string | Buffer) => createHash('sha256').update(content).digest('hex').slice(0, 12);
  /** The blocks that are written to. */
  const reads = ['-c', 'read -v 1M 32', '-c', 'read -v 2M 32'];
  const look = async (): Promise<Look> => ({
    disks: await Promise.all(
      paths.map(async (path) =>
        hash((await run('qemu-io', ['-U', '-r', '-f', 'qcow2', ...reads, path])).stdout.replaceAll(/^.*ops;.*$/gm, '')),
      ),
    ),
    nvram: hash(await readFile(nvram())),
  });
  const files = async () => [
    ...(await readdir(NVRAM)).filter((name) => name.startsWith(domain.uuid)),
    ...(await readdir(host.pool.path)),
  ];
  const change = async () => {
    const pattern = Math.floor(dice.next() * 256);
    const at = dice.chance(0.5) ? 1 : 2;
    await run('qemu-io', ['-f', 'qcow2', '-c', `write -q -P ${pattern} ${at}M 4k`, dice.pick(paths)!]);
    const variables = await readFile(nvram());
    variables.writeDoubleBE(dice.next(), variables.length - 8);
    await writeFile(nvram(), variables);
  };

  it(
    `brings disks and variables back as they were, and leaves no file, over ${STEPS} steps`,
    async () => {
      const record: string[] = [];
      const then = new Map<string, Look>();
      let names = 0;
      const take = async () => {
        const name = `${(names += 1)}`;
        // A guest that stands still changes none of it behind our back.
        if (dice.chance(0.15) && !(await domain.isActive())) await domain.start({ paused: true });
        await host.run((context) => facet().create(domain.uuid, { name }, context));
        then.set(name, await look());
        return name;
      };
      const revert = async () => {
        const name = dice.pick([...then.keys()]);
        if (name === undefined) return 'nothing';
        await host.run((context) => facet().revert(domain.uuid, name, context));
        expect(await look()).toEqual(then.get(name));
        return name;
      };
      const drop = async () => {
        const snapshot = dice.pick([...then.keys()]);
        if (snapshot === undefined) return 'nothing';
        const input = { snapshot, children: dice.chance(0.2) };
        await host.run((context) => facet().delete(domain.uuid, input, context));
        const left = new Set((await host.driver.get(domain.uuid)).snapshots.map(({ name }) => name));
        expect(left.has(snapshot)).toBe(false);
        for (const name of then.keys()) if (!left.has(name)) then.delete(name);
        return JSON.stringify(input);
      };
      const write = async () => {
        if (await domain.isActive()) await domain.destroy();
        await change();
        return '';
      };
      const verbs = [
        { weight: 4, name: 'take', act: take },
        { weight: 4, name: 'write', act: write },
        { weight: 4, name: 'revert', act: revert },
        { weight: 2, name: 'delete', act: drop },
      ];
      const before = await files();
      try {
        for (let step = 0; step < STEPS; step += 1) {
          const verb = dice.weighted(verbs);
          record.push(verb.name);
          record.push(`${record.pop()} ${await verb.act()}`);
        }
        expect((await host.driver.get(domain.uuid)).snapshots.map(({ name }) => name).sort()).toEqual(
          [...then.keys()].sort(),
        );
        for (const { name } of (await host.driver.get(domain.uuid)).snapshots)
          await host.run((context) => facet().delete(domain.uuid, { snapshot: name, children: false }, context));
      } catch (error) {
        throw new Error(`seed ${SEED}: ${record.join('; ')}`, { cause: error });
      }
      expect((await files()).sort()).toEqual(before.sort());
      for (const path of paths) expect(await snapshotsIn(path)).toEqual([]);
      if (await domain.isActive()) await domain.destroy();
      const { notes } = await host.run((context) => host.driver.delete(domain.uuid, { disks: 'delete' }, context));
      expect(notes).toEqual([]);
      expect(await files()).toEqual([]);
    },
    timeoutMs,
  );
});
