import { expect } from '@jest/globals';
import { publishRollup } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { createVm, deleteVm, editVm, patienceMs, power, readVm, vmWhen, waiting } from './requests.ts';
import { storiesOn } from './stack/story.ts';
import { useBrowser, Visit } from './web/browser.ts';

const host = 'fake-a';
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] });
const browser = useBrowser();

const addressOf = (vmId: string) => `/machines/${encodeURIComponent(vmId)}`;

story('changes disks, media, boot order and interfaces, each by its plan', async (stack) => {
  const { admin, prefix } = stack;
  const vm = await createVm(admin, { host, name: `${prefix}devices`, disks: [{ sizeGiB: 1 }], start: true });
  const visit = await Visit.begin(await browser(stack), stack, { expected: /400|404/ });
  const { page } = visit;
  await visit.logIn('admin', undefined, `${addressOf(vm.id)}?tab=devices`);
  const section = (name: string) => page.getByRole('region', { name, exact: true });
  const dialog = page.getByRole('dialog').filter({ has: page.getByRole('button', { name: 'Cancel' }) });
  const press = (name: string) => dialog.getByRole('button', { name, exact: true }).click();
  const plan = dialog.getByRole('region', { name: 'Plan' });
  const gone = () => dialog.waitFor({ state: 'detached' });
  const choose = async (label: string, option: RegExp) => {
    await dialog.getByRole('combobox', { name: label, exact: true }).click();
    await page.getByRole('option', { name: option }).click();
  };

  await section('Disks').getByRole('button', { name: 'Add a disk' }).click();
  await dialog.getByLabel('Size').fill('2');
  await press('Show the plan');
  await plan.getByText('The machine is not interrupted.').waitFor();
  await press('Add a disk');
  await gone();
  const added = section('Disks').locator('[data-device=vdb]');
  await added.getByText('2 GiB').waitFor();
  await added.getByRole('button', { name: 'Grow vdb' }).click();
  await dialog.getByLabel('New size').fill('1');
  await press('Show the plan');
  await dialog.getByText('The disk vdb has 2 GiB; a disk only grows.').waitFor();
  expect(await dialog.getByRole('alert').count()).toBe(0);
  await dialog.getByLabel('New size').fill('3');
  await press('Show the plan');
  await plan.waitFor();
  await press('Grow');
  await gone();
  await added.getByText('3 GiB').waitFor();
  await added.getByRole('button', { name: 'Detach vdb' }).click();
  await plan.waitFor();
  await press('Detach');
  await gone();
  await added.waitFor({ state: 'detached' });

  // It is kept, so that it can come back, and be deleted for good.
  await section('Disks').getByRole('button', { name: 'Add a disk' }).click();
  await choose('Create from', /volume/);
  await choose('Volume', /3 GiB/);
  await press('Show the plan');
  await plan.waitFor();
  await press('Add a disk');
  await gone();
  await added.getByRole('button', { name: 'Detach vdb' }).click();
  await dialog.getByLabel('Delete it with all that is on it').click();
  await plan.getByText('Data is lost for good.').waitFor();
  const remove = dialog.getByRole('button', { name: 'Detach and delete' });
  expect(await remove.getAttribute('aria-disabled')).toBe('true');
  await dialog.getByLabel('Type vdb to confirm').fill('vdb');
  await remove.click();
  await gone();
  await added.waitFor({ state: 'detached' });

  const cdrom = section('CD-ROM');
  const eject = cdrom.getByRole('button', { name: 'Eject' });
  expect(await eject.getAttribute('aria-disabled')).toBe('true');
  await cdrom.getByRole('button', { name: 'Insert an image' }).click();
  await choose('Image', /tiny-iso/);
  await press('Show the plan');
  await plan.waitFor();
  await press('Insert an image');
  await gone();
  await cdrom.locator('[data-cdrom=tiny-iso]').waitFor();
  await eject.click();
  await plan.waitFor();
  await press('Eject');
  await gone();
  await cdrom.locator('[data-cdrom=""]').waitFor();

  await section('Boot order').getByRole('button', { name: 'Edit the boot order' }).click();
  await dialog.getByRole('button', { name: 'Try CD-ROM earlier' }).click();
  await press('Show the plan');
  await plan.getByText('At the next power-off').waitFor();
  await press('Save');
  await section('Waits for the next power-off').getByText('/bootOrder').waitFor();

  const nics = section('Network interfaces');
  await nics.getByRole('button', { name: 'Add an interface' }).click();
  await choose('Network', /default/);
  await dialog.getByRole('textbox', { name: 'Address', exact: true }).fill('192.0.2.1');
  await press('Show the plan');
  await dialog.locator('[aria-invalid=true]').waitFor();
  await dialog.getByRole('textbox', { name: 'Address', exact: true }).fill('');
  await press('Show the plan');
  await plan.waitFor();
  await press('Add an interface');
  await gone();
  const nic = nics.locator('[data-mac]');
  await nic.getByText('default').waitFor();
  await nic.getByRole('button', { name: /^Edit the interface/ }).click();
  await choose('Cable', /Pulled out/);
  await press('Show the plan');
  await plan.waitFor();
  await press('Save');
  await gone();
  await nic.getByText('Pulled out').waitFor();
  await nic.getByRole('button', { name: /^Remove the interface/ }).click();
  await plan.waitFor();
  await press('Remove');
  await gone();
  // What another tool does is seen at once.
  await nics.getByText('No network interface.').waitFor();
  await admin.PUT('/api/v1/vms/{vmId}/cdrom', {
    body: { image: 'tiny-iso' },
    params: { path: { vmId: vm.id }, header: waiting },
  });
  await cdrom.locator('[data-cdrom=tiny-iso]').waitFor();

  await admin.POST('/api/v1/vms/{vmId}/suspend', { params: { path: { vmId: vm.id }, header: waiting }, body: {} });
  const add = section('Disks').getByRole('button', { name: 'Add a disk' });
  await add.and(page.locator('[aria-disabled=true]')).waitFor();
  expect(await add.getAttribute('aria-description')).toContain('Suspended');
  await power(admin, vm.id, 'stop', { force: true });
  await deleteVm(admin, vm.id);
  await visit.end();
});

story('lists the disks that no machine has, attaches one, and deletes it for good', async (stack) => {
  const { admin, prefix } = stack;
  const vm = await createVm(admin, { host, name: `${prefix}former`, disks: [{ sizeGiB: 4 }] });
  const visit = await Visit.begin(await browser(stack), stack);
  const { page } = visit;
  await visit.logIn('admin', undefined, `/volumes?host=${host}`);
  await page.getByText(`No volumes on ${host}`).waitFor();
  await admin.DELETE('/api/v1/vms/{vmId}', {
    params: { path: { vmId: vm.id }, query: { disks: 'keep' }, header: waiting },
  });
  // It comes by itself, with the machine that it was made for.
  const row = page.locator('[data-volume]');
  await row.getByText('4 GiB').waitFor();
  await row.getByRole('link', { name: vm.nativeId }).waitFor();
  const taker = await createVm(admin, { host, name: `${prefix}taker` });
  await row.getByRole('button', { name: /^Attach the volume/ }).click();
  const attaching = page.getByRole('dialog').filter({ hasText: 'Attach the volume' });
  await attaching.getByRole('combobox', { name: 'Machine' }).fill('taker');
  await page.getByRole('option', { name: taker.name }).click();
  await attaching.getByRole('button', { name: 'Show the plan' }).click();
  await attaching.getByRole('region', { name: 'Plan' }).waitFor();
  await attaching.getByRole('button', { name: 'Attach', exact: true }).click();
  await attaching.waitFor({ state: 'detached' });
  await row.waitFor({ state: 'detached' });
  const [disk] = (await vmWhen(admin, taker.id, ({ disks }) => disks.length > 0)).disks;
  await admin.DELETE('/api/v1/vms/{vmId}/disks/{device}', {
    params: { path: { vmId: taker.id, device: disk!.device }, query: { keep: 'true' }, header: waiting },
  });
  await deleteVm(admin, taker.id);

  await row.getByRole('button', { name: /^Delete the volume/ }).click();
  const dialog = page.getByRole('dialog').filter({ hasText: 'Delete the volume' });
  await dialog.getByText('Data is lost for good.').waitFor();
  const remove = dialog.getByRole('button', { name: 'Delete', exact: true });
  expect(await remove.getAttribute('aria-disabled')).toBe('true');
  const field = dialog.getByLabel(/to confirm/);
  const name = (await row.locator('th').innerText()).trim();
  await field.fill(name);
  await remove.click();
  await page.getByText(`No volumes on ${host}`).waitFor();
  await visit.end();
});

story('says that a forced restart is a power cycle, which takes up what waits', async (stack) => {
  const { admin, prefix } = stack;
  const vm = await createVm(admin, { host, name: `${prefix}cycled`, cpus: 1, start: true });
  await editVm(admin, vm.id, { cpus: 2 });
  const visit = await Visit.begin(await browser(stack), stack);
  const { page } = visit;
  await visit.logIn('admin', undefined, addressOf(vm.id));
  const waits = page.getByRole('region', { name: 'Waits for the next power-off' });
  await waits.waitFor();
  await page.getByRole('button', { name: 'Actions', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Restart with force' }).click();
  const dialog = page.getByRole('dialog').filter({ hasText: `Restart with force: ${vm.name}` });
  await dialog
    .locator('[data-disruption=power-cycle]')
    .getByText(/goes through a power cycle/)
    .waitFor();
  await dialog.getByRole('row', { name: '/cpus 1 2 At once' }).waitFor();
  expect((await readVm(admin, vm.id)).cpus).toBe(1);
  await dialog.getByRole('button', { name: 'Restart with force' }).click();
  await waits.waitFor({ state: 'detached' });
  await page.getByRole('row', { name: 'CPUs 2' }).waitFor();
  await power(admin, vm.id, 'stop', { force: true });
  await deleteVm(admin, vm.id);
  await visit.end();
});

/** Where the chart of CPU is drawn, in parts of its width: where each stretch begins and ends. */
const stretches = `(() => {
  const canvas = document.querySelector('.chart canvas');
  const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const isLine = (at) => data[at + 3] > 0 && data[at + 2] - data[at] > 60;
  const drawn = Array.from({ length: width }, (_, x) =>
    Array.from({ length: height }, (_, y) => 4 * (y * width + x)).some(isLine));
  const found = [];
  drawn.forEach((is, x) => {
    if (is && !drawn[x - 1]) found.push([x / width]);
    if (is && !drawn[x + 1]) found.at(-1).push(x / width);
  });
  return found;
})()`;

story('leaves a gap in a chart where nothing was measured', async (stack) => {
  const { admin, prefix, bus } = stack;
  const vm = await createVm(admin, { host, name: `${prefix}gap` });
  const minuteMs = 60_000;
  const first = Math.floor(Date.now() / minuteMs) * minuteMs - 4 * 60 * minuteMs;
  for (let minute = 0; minute < 180; minute++) {
    // An hour in the middle of three.
    if (minute >= 60 && minute < 120) continue;
    const vms = [{ vmId: vm.id, samples: 12, cpuPercent: { average: 50, maximum: 50 } }];
    await publishRollup(bus, { host, minute: new Date(first + minute * minuteMs).toISOString(), vms });
  }
  const visit = await Visit.begin(await browser(stack), stack);
  const { page } = visit;
  await visit.logIn('admin', undefined, addressOf(vm.id));
  await eventually(async () => {
    await page.goto(`${addressOf(vm.id)}?tab=metrics&range=6h`);
    await page.locator('.chart canvas').first().waitFor();
    const found = await page.evaluate<[number, number][]>(stretches);
    expect(found).toHaveLength(2);
    const [before, after] = found as [[number, number], [number, number]];
    const lengths = [before[1] - before[0], after[0] - before[1], after[1] - after[0]];
    // Each takes about a third of what is drawn.
    for (const length of lengths) expect(length / (after[1] - before[0])).toBeGreaterThan(0.2);
  }, patienceMs);
  await deleteVm(admin, vm.id);
  await visit.end();
});
