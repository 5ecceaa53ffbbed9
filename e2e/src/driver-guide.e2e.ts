import { glob, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { capabilityNames, parseVmId } from '@polyvirt/contracts';
import { root } from '@polyvirt/tools';
import { FollowedGuide } from './driver-guide/followed-guide.ts';
import { guideApp, linesBefore, readGuide } from './driver-guide/guide.ts';
import { createVm, deleteVm, editVm, power, readVm, vmWhen } from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const host = 'folder-a';
let guide: FollowedGuide | undefined;

// A guide that does not compile has no stack either.
const story = storiesOn(async () => {
  guide = await FollowedGuide.write();
  await guide.build();
  const settings = { POLYVIRT_FOLDER: guide.machines, POLYVIRT_RECONCILE_SECONDS: '1' };
  return { agents: [{ kind: 'own', id: host, entry: guide.entry, settings }] };
});

afterAll(() => guide?.remove());

const machineFile = (vmId: string) => join(guide!.machines, `${parseVmId(vmId).nativeId}.json`);
const readMachine = async (vmId: string): Promise<unknown> => JSON.parse(await readFile(machineFile(vmId), 'utf8'));

/** Asks for everything that the host has no facet for; answers the facet of each and what came of it. */
async function askForEverything({ admin }: Stack, vmId: string): Promise<[string, unknown][]> {
  const params = { path: { vmId }, header: { Prefer: 'wait=10' } };
  const nics = [{ network: 'default' }];
  const asks: [string, () => Promise<unknown>][] = [
    ['suspend', () => power(admin, vmId, 'suspend')],
    ['suspend', () => power(admin, vmId, 'pause')],
    ['reconfigure', () => editVm(admin, vmId, { cpus: 2 })],
    ['reconfigure', () => admin.POST('/api/v1/vms/{vmId}/disks', { body: { sizeGiB: 1 }, params })],
    ['snapshots', () => admin.POST('/api/v1/vms/{vmId}/snapshots', { body: { name: 'one' }, params })],
    ['console', () => admin.POST('/api/v1/vms/{vmId}/console', { params: { path: { vmId } } })],
    ['images', () => createVm(admin, { host, name: 'from image', disks: [{ image: 'tiny' }] })],
    ['networks', () => createVm(admin, { host, name: 'on network', nics })],
  ];
  const outcomes: [string, unknown][] = [];
  for (const [facet, ask] of asks) {
    const outcome = await ask().catch((error: unknown) => error);
    outcomes.push([facet, outcome]);
  }
  return outcomes;
}

it('shows only files of the new app, and changes that still fit', async () => {
  const { files, changes } = await readGuide();
  expect(files.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['package.json', 'tsconfig.json', 'src/main.ts'].map((path) => `${guideApp}/${path}`)),
  );
  expect(files.filter(({ path }) => !path.startsWith(`${guideApp}/`))).toEqual([]);
  expect(changes.length).toBeGreaterThan(0);
  for (const { path, text } of changes) {
    const present = await readFile(join(root, path), 'utf8');
    for (const hunk of text.split(/^@@.*$/m)) {
      expect(linesBefore(hunk)).toMatch(/\S/);
      expect(present).toContain(linesBefore(hunk));
    }
  }
});

it('names every place that knows the hypervisors by name', async () => {
  const { text } = await readGuide();
  const names = ['kvm', 'vmware', 'nutanix'].map((name) => new RegExp(`'${name}'|^\\s*${name}: '`, 'm'));
  const files = glob('{apps,libs,tools,simulators,clients}/**/src/**/*.{ts,tsx}', {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist|generated)$/.test(path),
  });
  const found: string[] = [];
  for await (const file of files) {
    if (/\.(spec|service|e2e|database)\.tsx?$/.test(file)) continue;
    const source = await readFile(join(root, file), 'utf8');
    if (names.every((name) => name.test(source))) found.push(file);
  }
  expect(found.length).toBeGreaterThan(0);
  expect(found.filter((file) => !text.includes(`\`${file}\``))).toEqual([]);
});

story('passes the conformance suite without a skip', async () => {
  const { result, report } = await guide!.conformance();
  const { numTotalTests, numPassedTests, numPendingTests, numTodoTests } = result;
  expect({ numPassedTests, numPendingTests, numTodoTests }).toEqual({
    numPassedTests: numTotalTests,
    numPendingTests: 0,
    numTodoTests: 0,
  });
  // The random life is one test, and no behaviour.
  expect(report.rows).toHaveLength(numTotalTests - 1);
  // Nothing runs there that could crash, or be suspended by others.
  const impossible = /\b(?:VM that has crashed|suspended VM)\b/;
  for (const { behaviour, facet, result, reason } of report.rows)
    expect([behaviour, result, typeof reason]).toEqual([
      behaviour,
      ...(facet === undefined && !impossible.test(behaviour) ? ['passed', 'undefined'] : ['absent', 'string']),
    ]);
  expect(report.status.health.status).toBe('healthy');
});

story('makes, starts, stops and deletes a machine over HTTP', async ({ admin }) => {
  const { id: vmId } = await createVm(admin, { host, name: 'web 1', memoryMiB: 64, disks: [{ sizeGiB: 1 }] });
  expect(await readVm(admin, vmId)).toMatchObject({ name: 'web 1', state: 'stopped', disks: [{ sizeGiB: 1 }] });
  expect(await readMachine(vmId)).toMatchObject({ name: 'web 1', state: 'stopped', memoryMiB: 64 });
  await expect(createVm(admin, { host, name: 'web 1' })).rejects.toMatchObject({ code: 'name-taken' });

  expect(await power(admin, vmId, 'start')).toMatchObject({ changed: true });
  expect(await power(admin, vmId, 'start')).toMatchObject({ changed: false });
  expect(await readMachine(vmId)).toMatchObject({ state: 'running' });
  await expect(deleteVm(admin, vmId)).rejects.toMatchObject({ code: 'wrong-state' });
  // On its blank disk is no guest that would listen.
  await expect(power(admin, vmId, 'stop', { timeoutSeconds: 1 })).rejects.toMatchObject({ code: 'timed-out' });
  expect(await readVm(admin, vmId)).toMatchObject({ state: 'running' });
  const stopped = await power(admin, vmId, 'stop', { force: true });
  expect(stopped.steps.map(({ name, status }) => [name, status])).toEqual([
    ['look at its state', 'succeeded'],
    ['cut the power', 'succeeded'],
  ]);
  expect(await readVm(admin, vmId)).toMatchObject({ state: 'stopped' });

  await deleteVm(admin, vmId);
  await expect(readVm(admin, vmId)).rejects.toMatchObject({ code: 'vm-not-found' });
  await expect(readMachine(vmId)).rejects.toMatchObject({ code: 'ENOENT' });
});

story('shows what was edited by hand at the next reconciliation', async ({ admin }) => {
  const { id: vmId } = await createVm(admin, { host, name: 'by hand' });
  await writeFile(machineFile(vmId), JSON.stringify({ ...((await readMachine(vmId)) as object), name: 'renamed' }));
  await vmWhen(admin, vmId, ({ name }) => name === 'renamed');
  await deleteVm(admin, vmId);
});

story('gives the reason for everything that the host cannot do', async (stack) => {
  const { admin } = stack;
  const { data } = await admin.GET('/api/v1/hosts/{hostId}', { params: { path: { hostId: host } } });
  expect(data.health.status).toBe('healthy');
  const { capabilities } = data;
  for (const name of capabilityNames)
    expect([name, capabilities[name]]).toEqual([name, { available: false, reason: expect.stringMatching(/\S/) }]);

  const { id: vmId } = await createVm(admin, { host, name: 'plain', start: true });
  for (const [facet, outcome] of await askForEverything(stack, vmId))
    expect([facet, outcome]).toMatchObject([
      facet,
      { code: 'capability-missing', status: 501, message: capabilities[facet as 'suspend'].reason },
    ]);
  await power(admin, vmId, 'stop', { force: true });
  const clone = admin.POST('/api/v1/vms/{vmId}/clone', { body: { name: 'copy' }, params: { path: { vmId } } });
  await expect(clone).rejects.toMatchObject({ code: 'capability-missing', message: capabilities.clone.reason });
  await deleteVm(admin, vmId);
});
