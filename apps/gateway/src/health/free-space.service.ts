import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import type { Problem } from '@polyvirt/contracts';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';

const run = promisify(execFile);

describe('the room on a disk where services write', () => {
  let disk: string;
  let house: TestHouse;
  let agent: FakeAgent;

  beforeEach(async () => {
    disk = await mkdtemp(join(tmpdir(), 'polyvirt-disk-'));
    await run('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk]);
    house = await TestHouse.start({
      hosts: ['kvm-a'],
      times: { spaceLookMs: 20 },
      environment: { POLYVIRT_SPACE_PATHS: disk, POLYVIRT_SPACE_KEPT_MIB: '4' },
    });
    agent = await house.startAgent();
    for (const id of ['one', 'two']) await agent.show(id, { state: 'running' });
    await eventually(async () => expect((await house.call('GET', '/vms/kvm-a~two')).status).toBe(200));
  });
  afterEach(async () => {
    await house.stop();
    await run('umount', [disk]);
    await rm(disk, { recursive: true });
  });

  it('is kept: changes are refused with numbers before it is used up, but for stop and delete, and work again when there is some', async () => {
    const create = () => house.call<Problem>('POST', '/vms', { host: 'kvm-a', name: 'new', disks: [{ sizeGiB: 1 }] });
    await writeFile(join(disk, 'ballast'), Buffer.alloc(13 * 1024 * 1024));
    await eventually(async () => {
      const { status, body } = await house.call<Problem>('POST', '/vms/kvm-a~one/restart', {});
      expect([status, body.code]).toEqual([507, 'insufficient-capacity']);
      expect(body.detail).toContain(`The disk of ${disk} has 3 MiB left, and 4 MiB are kept free`);
    });
    expect((await create()).status).toBe(507);
    expect((await house.ask('POST', '/vms/kvm-a~one/stop', { force: true })).body.status).toBe('succeeded');
    expect((await house.ask('DELETE', '/vms/kvm-a~one')).body.status).toBe('succeeded');
    const { text } = await house.gateway.call('GET', '/metrics');
    expect(text).toMatch(new RegExp(`polyvirt_free_space_bytes\\{path="${disk}"\\} 3\\d{6}`));
    await rm(join(disk, 'ballast'));
    await eventually(async () => expect((await create()).status).toBe(202));
  });
});
