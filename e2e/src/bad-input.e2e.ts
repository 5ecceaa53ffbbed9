import { expect, it } from '@jest/globals';
import { problems, type Problem, type ProblemCode } from '@polyvirt/contracts';
import { asPlan, isPlannable, send, type BadRequest } from './bad-input/bad-request.ts';
import { creating } from './bad-input/creating.ts';
import { identity } from './bad-input/identity.ts';
import { devices } from './bad-input/devices.ts';
import { hosts } from './bad-input/hosts.ts';
import { machines } from './bad-input/machines.ts';
import { planning } from './bad-input/planning.ts';
import { protocol } from './bad-input/protocol.ts';
import { templates } from './bad-input/templates.ts';
import { World } from './bad-input/world.ts';
import { createVm, deleteVm, power, readVm } from './requests.ts';
import { storiesOn } from './stack/story.ts';
import { access } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { eventually } from '@polyvirt/bus/testing';

const table: readonly BadRequest[] = [
  ...identity,
  ...hosts,
  ...creating,
  ...machines,
  ...devices,
  ...planning,
  ...templates,
  ...protocol,
];
/** What design section 6 allows to be refused with a 5xx. */
const allowedServerErrors = [501, 503, 504, 507];

let world: World;

const story = storiesOn(
  {
    agents: [
      { kind: 'fake', id: 'fake-a' },
      { kind: 'fake', id: 'fake-b', without: ['snapshots', 'clone', 'console'] },
      { kind: 'fake', id: 'fake-c' },
    ],
  },
  async (stack) => {
    world = await World.of(stack);
  },
);

it('has at least 80 bodies that a plan refuses', () => expect(planning.length).toBeGreaterThanOrEqual(80));

it('has at least 150 rows, none of them twice', () => {
  expect(table.length).toBeGreaterThanOrEqual(150);
  const names = table.map(({ what }) => what);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

for (const row of table) {
  story(`refuses with ${row.expected}, and changes nothing: ${row.what}`, async () => {
    const { asked, planned } = await world.unchangedBy(async () => ({
      asked: await send(row, world),
      planned: isPlannable(row) ? await send(asPlan(row), world) : undefined,
    }));
    const { status, headers, text } = asked;
    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    const problem = JSON.parse(text) as Problem;
    expect(`${status} ${problem.code}`).toBe(row.expected);
    expect(problem).toMatchObject({ status, requestId: expect.stringMatching(/^\S+$/), title: expect.any(String) });
    expect(problems[problem.code as ProblemCode].title).toBe(problem.title);
    // Nothing of our insides leaves the house.
    expect(problem.detail).not.toMatch(/SELECT|sqlite|node_modules|\.ts:|at Object/i);
    if (status >= 500) expect(allowedServerErrors).toContain(status);
    // Its plan is refused in the same words.
    if (planned) expect(sayingOf(planned.text)).toEqual(sayingOf(text));
  });
}

const sayingOf = (text: string) => ({ ...(JSON.parse(text) as Problem), requestId: '' });

story('has nothing under way but what keeps a machine busy', async (stack) => {
  const { data: operations } = await stack.admin.GET('/api/v1/operations', {
    params: { query: { status: 'running,pending' } },
  });
  expect(operations.items.map(({ id }) => id)).toEqual([world.placeOf('runningOperation')]);
});

const legal = [
  'with spaces',
  "it's",
  '"quoted"',
  '$(reboot)',
  '`reboot`',
  '${HOME}',
  '; DROP TABLE vms; --',
  "' OR 1=1 --",
  '-rf',
  '--help',
  '%s%n%00',
  '<b>&amp;</b>'.replace('/', '|'),
  'café crème',
  'Ünïcödé',
  '日本語',
  'مرحبا',
  '🚀🖥️',
  'a|b>c<d&e;f*g?h[i]j{k}l~m!n#',
  '...hidden',
  'CON',
  'trailing.dot.',
  'x'.repeat(80),
  '🚀'.repeat(80),
];

for (const name of legal) {
  story(`starts, archives and deletes a machine called ${name}`, async ({ admin, archives }) => {
    const { id } = await createVm(admin, { host: 'fake-b', name, disks: [{ sizeGiB: 1 }] });
    world.forget();
    await power(admin, id, 'start');
    expect(await readVm(admin, id)).toMatchObject({ name, state: 'running' });
    const found = await admin.GET('/api/v1/vms', { params: { query: { name } } });
    expect(found.data.items.map((vm) => vm.id)).toEqual([id]);
    await power(admin, id, 'stop', { force: true });
    await deleteVm(admin, id);
    await eventually(async () => {
      const { data: archive } = await admin.GET('/api/v1/archives/{vmId}', { params: { path: { vmId: id } } });
      expect(archive).toMatchObject({ name, deletedAt: expect.any(String) });
      expect(dirname(archive.path)).toBe(archives);
      expect(basename(archive.path)).toBe(archive.folder);
      await access(`${archive.path}/metadata.json`);
    });
  });
}
