import { eventually } from '@polyvirt/bus/testing';
import { expect } from '@jest/globals';
import { patienceMs } from './requests.ts';
import { storiesOn } from './stack/story.ts';
import { useBrowser, Visit } from './web/browser.ts';

const host = 'fake-a';
const count = 20_000;
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] }, async (stack) => {
  // Twenty thousand folders are what other stories are about.
  await stack.kill('organizer');
  const fake = stack.fakeHost(host);
  fake.populate(count, 'fleet');
  fake.close();
  await eventually(async () => {
    const { vms } = (await stack.admin.GET('/api/v1/stats/summary')).data;
    if (vms.total !== count) throw new Error(`the gateway has ${vms.total} of ${count} machines`);
  }, 2 * patienceMs);
});
const browser = useBrowser();

story('shows twenty thousand machines as one would show ten', async (stack) => {
  const visit = await Visit.begin(await browser(stack), stack);
  const { page } = visit;
  const row = (name: string) => page.locator(`[data-vm="${host}~${name}"]`);
  await visit.logIn('admin', undefined, '/machines');
  await row('fleet-00001').waitFor();
  // The end of the list is its beginning in the other order.
  await page.getByRole('button', { name: /^Name/ }).click();
  await row('fleet-20000').waitFor();
  await page.getByRole('button', { name: /^Name/ }).click();
  await row('fleet-00001').waitFor();
  // Scrolling brings page after page, and no more rows into the document than there is room for.
  const grid = page.getByRole('grid');
  await grid.focus();
  for (const fetched of ['400', '600', '800']) {
    await page.keyboard.press('End');
    await page.getByRole('status').getByText(`The first ${fetched} machines`).waitFor();
  }
  await row('fleet-00600').waitFor();
  expect(await page.locator('[data-vm]').count()).toBeLessThan(100);

  await page.getByRole('textbox', { name: 'Filter machines' }).fill('fleet-1234');
  await page.getByRole('status').getByText('10 machines').waitFor();
  const last = row('fleet-12349');
  await last.locator('[data-state=running]').waitFor();
  const fake = stack.fakeHost(host);
  fake.crash('fleet-12349');
  fake.close();
  await last.locator('[data-state=crashed]').waitFor();
  await visit.end();
});
