import { expect } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { Fleet } from './fleet.ts';
import { patienceMs } from './requests.ts';
import { storiesOn } from './stack/story.ts';
import { useBrowser, Visit } from './web/browser.ts';

const count = 20_000;
const story = storiesOn({ agents: [] });
const browser = useBrowser();

story('shows twenty thousand machines as it would show ten', async (stack) => {
  const fleet = new Fleet(stack.bus, 'fleet-a');
  await fleet.appear(count);
  await eventually(async () => {
    const { vms } = (await stack.admin.GET('/api/v1/stats/summary')).data;
    if (vms.total !== count) throw new Error(`the gateway has ${vms.total} of ${count} machines`);
  }, patienceMs);
  const visit = await Visit.begin(await browser(stack), stack);
  const { page } = visit;
  const row = (number: string) => page.locator(`[data-vm="fleet-a~fleet-${number}"]`);
  const status = page.locator('main').getByRole('status');
  await visit.logIn('admin', undefined, '/machines');
  await row('00001').waitFor();
  // The end of the list is its beginning in the other order.
  const byName = page.getByRole('columnheader').getByRole('button', { name: /^Name/ });
  await byName.click();
  await row('20000').waitFor();
  await byName.click();
  await row('00001').waitFor();
  // Going to the end brings page after page, and no more rows into the document than there is room for.
  await status.getByText('The first 200 of 20,000 machines').waitFor();
  await page.getByRole('grid').focus();
  for (const fetched of [400, 600, 800]) {
    await page.keyboard.press('End');
    await status.getByText(`The first ${fetched} of 20,000 machines`).waitFor();
  }
  await page.keyboard.press('End');
  await row('00800').waitFor();
  expect(await page.locator('[data-vm]').count()).toBeLessThan(100);

  await page.getByRole('textbox', { name: 'Filter machines' }).fill('fleet-1234');
  await status.getByText('10 machines').waitFor();
  await row('12349').locator('[data-state=running]').waitFor();
  await fleet.stopByHand('fleet-12349');
  await row('12349').locator('[data-state=stopped]').waitFor();
  fleet.close();
  await visit.end();
});
