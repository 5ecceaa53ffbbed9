import { expect } from '@jest/globals';
import { connectBus, credentialsFor, newUserKey, proofOf } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { Fleet } from './fleet.ts';
import { patienceMs } from './requests.ts';
import { storiesOn } from './stack/story.ts';
import { expectAccessible } from './web/accessibility.ts';
import { useBrowser, Visit } from './web/browser.ts';

const host = 'fake-a';
const joined = 'kvm-new';
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] });
const browser = useBrowser();

story('lets a machine join as a host by the line that it shows, drains it, and removes it', async (stack) => {
  const { admin } = stack;
  const visit = await Visit.begin(await browser(stack), stack, { expected: /409|422|400/ });
  const { page } = visit;
  await visit.logIn('admin', undefined, '/hosts');
  const card = (id: string) => page.getByRole('region', { name: id, exact: true });
  // What it cannot do to a host that did not come in by a line stays in its place, with the reason.
  const foreign = card(host).getByRole('button', { name: 'New key' });
  await foreign.waitFor();
  expect(await foreign.getAttribute('aria-description')).toContain('not by joining');

  await page.getByRole('button', { name: 'Add a host' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add a host' });
  await dialog.getByLabel('Name').fill('No Such Name');
  await dialog.getByRole('button', { name: 'Make the line' }).click();
  await dialog.locator('input[aria-invalid=true]').waitFor();
  await dialog.getByLabel('Name').fill(joined);
  await dialog.getByRole('button', { name: 'Make the line' }).click();
  const line = await dialog.getByLabel('Line to run').innerText();
  expect(line).toMatch(/^polyvirt-agent join http/);
  await dialog.getByText(`Waiting for ${joined} to join`).waitFor();
  await dialog.getByText(/^The line is good for another 2\d min/).waitFor();
  await expectAccessible(page);
  await page.locator('[data-host=joining]').waitFor();

  // What `polyvirt-agent join` does, and what its agent does then.
  const token = /--token (\S+)/.exec(line)![1]!;
  const { publicKey, seed } = newUserKey();
  const { data: admission } = await stack.client().POST('/api/v1/hosts/join', {
    body: { token, publicKey, proof: proofOf(seed, token), agentVersion: '1.2.3' },
  });
  await dialog.getByText('waiting for its agent to begin').waitFor();
  const credentials = credentialsFor(seed, admission);
  const bus = await connectBus({ url: admission.natsUrls[0]!, credentials, name: `agent of ${joined}` });
  const fleet = new Fleet(bus, joined);
  await fleet.appear(2);
  await dialog.locator(`[data-joined=${joined}]`).getByText(`${joined} has joined from 127.0.0.1.`).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await card(joined).getByText('Ready', { exact: true }).waitFor();
  // Its machines come after it, and no event tells of those of a fleet.
  await eventually(async () => {
    const { data } = await admin.GET('/api/v1/hosts/{hostId}', { params: { path: { hostId: joined } } });
    expect(data.totals.vms).toBe(2);
  }, patienceMs);
  await page.reload();
  await card(joined).getByText('2 machines').waitFor();

  await card(joined).getByRole('button', { name: 'Drain' }).click();
  await page.getByRole('dialog', { name: 'Drain' }).getByRole('button', { name: 'Drain' }).click();
  await card(joined).getByText('Draining', { exact: true }).waitFor();
  await card(joined).getByText('drained by admin').waitFor();

  await card(joined).getByRole('button', { name: 'New key' }).click();
  const rotation = page.getByRole('dialog', { name: `New key for ${joined}` });
  await rotation.getByRole('button', { name: 'Make the line' }).click();
  await rotation.getByLabel('Line to run').waitFor();
  expect(await rotation.getByLabel('Line to run').innerText()).not.toContain(token);
  await rotation.getByRole('button', { name: 'Close' }).last().click();

  await card(joined).getByRole('button', { name: 'Remove' }).click();
  const removal = page.getByRole('dialog', { name: `Remove ${joined}` });
  await removal.getByText('Its 2 machines, from every list.').waitFor();
  await expectAccessible(page);
  const remove = removal.getByRole('button', { name: 'Remove', exact: true });
  expect(await remove.getAttribute('aria-disabled')).toBe('true');
  await removal.getByLabel(`Type ${joined} to confirm`).fill(joined);
  fleet.close();
  await bus.close();
  await remove.click();
  await card(joined).waitFor({ state: 'detached' });
  await eventually(async () => {
    const { items } = (await admin.GET('/api/v1/hosts')).data;
    expect(items.map(({ id }) => id)).toEqual([host]);
  }, patienceMs);
  await visit.end();
});

story(
  'asks an operator for the role before a host, and shows a machine that has not come how long its line is good',
  async (stack) => {
    const { admin, prefix } = stack;
    const password = 'correct horse battery';
    await admin.POST('/api/v1/users', { body: { username: `${prefix}op`, password, role: 'operator' } });
    await admin.POST('/api/v1/hosts', { body: { id: 'kvm-late', hypervisor: 'kvm' } });
    const visit = await Visit.begin(await browser(stack), stack);
    const { page } = visit;
    await visit.logIn(`${prefix}op`, password, '/hosts');
    const add = page.getByRole('button', { name: 'Add a host' });
    await add.waitFor();
    expect(await add.getAttribute('aria-description')).toContain('host:manage');
    const card = page.getByRole('region', { name: 'kvm-late', exact: true });
    await card.getByText(/^The line is good for another 2\d min/).waitFor();
    // Somebody else removes it.
    await admin.DELETE('/api/v1/hosts/{hostId}', { params: { path: { hostId: 'kvm-late' } } });
    await card.waitFor({ state: 'detached' });
    await visit.end();
  },
);
