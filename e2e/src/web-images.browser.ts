import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { createVm, deleteVm, waiting } from './requests.ts';
import { storiesOn } from './stack/story.ts';
import { expectAccessible } from './web/accessibility.ts';
import { useBrowser, Visit } from './web/browser.ts';

const host = 'fake-a';
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] });
const browser = useBrowser();
const mib = 2 ** 20;

story('adds an image by its address, says who needs it, and deletes it when nobody does', async (stack) => {
  const { admin, prefix } = stack;
  const name = `${prefix}fetched`;
  const server = createServer((_, response) => response.end(randomBytes(mib)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const visit = await Visit.begin(await browser(stack), stack, { expected: /400|409/ });
  const { page } = visit;
  await visit.logIn('admin', undefined, '/images');
  const row = (image: string) => page.locator(`[data-image="${image}"]`);
  await row('tiny-linux').getByText('Disk image').waitFor();
  await row('tiny-linux').getByText(host).waitFor();

  await page.getByRole('button', { name: 'Add an image' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add an image' });
  // Nothing is fetched from networks that the operator has not named.
  await dialog.getByRole('textbox', { name: 'Address' }).fill('http://10.1.2.3/rescue.iso');
  expect(await dialog.getByLabel('Name').inputValue()).toBe('rescue');
  await dialog.getByRole('button', { name: 'Show the plan' }).click();
  await dialog.locator('input[type=url][aria-invalid=true]').waitFor();
  await dialog.getByRole('textbox', { name: 'Address' }).fill(`http://127.0.0.1:${port}/image`);
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByRole('button', { name: 'Show the plan' }).click();
  await dialog.getByRole('region', { name: 'Plan' }).waitFor();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Add an image' }).click();
  await dialog.waitFor({ state: 'detached' });
  await row(name).getByText('raw', { exact: true }).waitFor();

  const vm = await createVm(admin, { host, name: `${prefix}reader`, cdrom: 'tiny-iso' });
  await row('tiny-iso')
    .getByRole('button', { name: /^Ask the host/ })
    .click();
  await row('tiny-iso').getByText(vm.name).waitFor();
  await row('tiny-iso')
    .getByRole('button', { name: /^Delete the image/ })
    .click();
  const question = page.getByRole('dialog', { name: 'Delete the image tiny-iso' });
  await question.getByRole('alert').getByText(vm.name).waitFor();
  expect(await question.getByRole('button', { name: 'Delete', exact: true }).count()).toBe(0);
  await question.getByRole('button', { name: 'Cancel' }).click();
  await deleteVm(admin, vm.id);

  await row(name)
    .getByRole('button', { name: /^Delete the image/ })
    .click();
  const last = page.getByRole('dialog', { name: `Delete the image ${name}` });
  await last.getByText('Data is lost for good.').waitFor();
  const remove = last.getByRole('button', { name: 'Delete', exact: true });
  expect(await remove.getAttribute('aria-disabled')).toBe('true');
  await last.getByLabel(/to confirm/).fill(name);
  await remove.click();
  await row(name).waitFor({ state: 'detached' });
  await visit.end();
  server.close();
});

story('uploads a file, pauses, and resumes after a reload with the same file only', async (stack) => {
  const { prefix } = stack;
  const folder = await mkdtemp(join(tmpdir(), 'polyvirt-image-'));
  const [ours, other] = [join(folder, 'rescue.raw'), join(folder, 'other.raw')];
  // Two parts.
  await writeFile(ours, randomBytes(9 * mib));
  await writeFile(other, randomBytes(mib));
  const name = `${prefix}rescue`;
  const visit = await Visit.begin(await browser(stack), stack, { expected: /net::ERR_/ });
  const { page } = visit;
  await visit.logIn('admin', undefined, '/images');
  await page.getByRole('button', { name: 'Add an image' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add an image' });
  await dialog.getByText('Upload a file').click();
  await dialog.locator('input[type=file]').setInputFiles(ours);
  expect(await dialog.getByLabel('Name').inputValue()).toBe('rescue');
  await dialog.getByLabel('Name').fill('tiny-linux');
  await dialog.getByText('The host has an image of this name').waitFor();
  await dialog.getByLabel('Name').fill(name);

  // The second part does not come through before the user pauses.
  const held = Promise.withResolvers<void>();
  await page.route('**/api/v1/uploads/*', async (route) => {
    if (route.request().method() !== 'PATCH' || route.request().headers()['upload-offset'] === '0')
      return route.continue();
    held.resolve();
  });
  await dialog.getByRole('button', { name: 'Upload' }).click();
  const card = page.getByRole('group', { name: 'Upload of rescue.raw' });
  await held.promise;
  await card.getByRole('button', { name: 'Pause' }).click();
  await card.getByText('Paused').waitFor();
  await expectAccessible(page);
  await page.unroute('**/api/v1/uploads/*');

  await page.reload();
  await card.getByText('8 MiB of 9 MiB sent (88%)').waitFor();
  await card.locator('input[type=file]').setInputFiles(other);
  await card.getByText('This is another file.').waitFor();
  await card.locator('input[type=file]').setInputFiles(ours);
  await card.waitFor({ state: 'detached' });
  const row = page.locator(`[data-image="${name}"]`);
  await row.getByText('raw', { exact: true }).waitFor();
  await stack.admin.DELETE('/api/v1/hosts/{hostId}/images/{image}', {
    params: { path: { hostId: host, image: name }, header: waiting },
  });
  // By what it hears.
  await row.waitFor({ state: 'detached' });
  await visit.end();
  await rm(folder, { recursive: true });
});
