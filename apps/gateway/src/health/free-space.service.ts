import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import type { Problem } from '@polyvirt/contracts';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { startTestGateway, type Answer } from '../testing/test-gateway.ts';
import { TestHouse } from '../testing/test-house.ts';

const run = promisify(execFile);

interface Document {
  paths: Record<string, Record<string, { responses: object }>>;
}

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

  it('is kept by every route that writes, but for those that make it, end something or let one in who does', async () => {
    await writeFile(join(disk, 'ballast'), Buffer.alloc(13 * 1024 * 1024));
    await eventually(async () => expect((await house.call('POST', '/vms/kvm-a~one/restart', {})).status).toBe(507));
    const { paths } = (await house.call<Document>('GET', '/openapi.json')).body;
    const carriedOut: string[] = [];
    for (const [path, methods] of Object.entries(paths))
      for (const [method, { responses }] of Object.entries(methods)) {
        const where = `${method.toUpperCase()} ${path}`;
        if (['get', 'options', 'delete'].includes(method)) continue;
        if (!('507' in responses)) carriedOut.push(where);
        else {
          const address = path.replaceAll(/\{\w+\}/g, 'kvm-a~one');
          const { status } = await house.gateway.call(method.toUpperCase(), address, { token: house.token, body: {} });
          expect([where, status]).toEqual([where, 507]);
        }
      }
    expect(carriedOut.sort()).toEqual([
      // Who is to make room has to come in, and to see what there is.
      'POST /api/v1/auth/confirm',
      'POST /api/v1/auth/login',
      'POST /api/v1/auth/logout',
      'POST /api/v1/auth/refresh',
      'POST /api/v1/events/ticket',
      'POST /api/v1/operations/{operationId}/cancel',
      // Its parts decide for themselves.
      'POST /api/v1/operations/{operationId}/retry',
      'POST /api/v1/users/{id}/unlock',
      'POST /api/v1/vms/batch',
      // A guest may be where room is made.
      'POST /api/v1/vms/{vmId}/console',
      'POST /api/v1/vms/{vmId}/stop',
      'POST /vm/{name}/stop',
    ]);
  });

  it('is kept by the host as well: it says so, and only what makes room is asked of it', async () => {
    await agent.become({ capacity: { storageFreeGiB: 0.1 } });
    await eventually(async () => {
      const { status, body } = await house.call<Problem>('POST', '/vms/kvm-a~one/restart', {});
      expect([status, body.detail]).toEqual([507, expect.stringContaining('storage of kvm-a has 102 MiB left')]);
    });
    expect((await house.ask('POST', '/vms/kvm-a~one/stop', { force: true })).body.status).toBe('succeeded');
    expect((await house.ask('DELETE', '/vms/kvm-a~one')).body.status).toBe('succeeded');
  });
});

it('that is used up in the middle of a request is 507, nothing of it is kept, and the next one works when there is some', async () => {
  const disk = await mkdtemp(join(tmpdir(), 'polyvirt-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk]);
  const environment = { POLYVIRT_DATABASE_URL: `sqlite:${join(disk, 'gateway.db')}`, POLYVIRT_SPACE_KEPT_MIB: '0' };
  const gateway = await startTestGateway({ environment });
  try {
    const { accessToken: token } = await gateway.login();
    let made = 0;
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const make = (n = made) => {
      const body = { name: `token ${n}`, scopes: ['vm:read'], expiresAt };
      return gateway.call<Problem>('POST', '/api/v1/tokens', { token, body });
    };
    expect((await make()).status).toBe(201);
    await writeFile(join(disk, 'ballast'), Buffer.alloc(16 * 1024 * 1024)).catch((error: NodeJS.ErrnoException) =>
      expect(error.code).toBe('ENOSPC'),
    );
    // The log of SQLite is written anew from its beginning for a while.
    let refused: Answer<Problem>;
    do refused = await make((made += 1));
    while (refused.status === 201 && made < 5_000);
    expect([refused.status, refused.body.code]).toEqual([507, 'insufficient-capacity']);
    await rm(join(disk, 'ballast'));
    expect((await make()).status).toBe(201);
  } finally {
    await gateway.stop();
    await run('umount', [disk]);
    await rm(disk, { recursive: true });
  }
});
