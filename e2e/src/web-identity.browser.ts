import { readFile } from 'node:fs/promises';
import { expect } from '@jest/globals';
import { expectAccessible } from './web/accessibility.ts';
import { useBrowser, Visit } from './web/browser.ts';
import { storiesOn } from './stack/story.ts';

const host = 'fake-a';
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] });
const browser = useBrowser();
const password = 'correct horse battery';

story('saves the audit as it is looked for, all of it', async (stack) => {
  const { admin, prefix } = stack;
  const username = `${prefix}ada`;
  await admin.POST('/api/v1/users', { body: { username, password, role: 'viewer' } });
  await stack.client().logIn({ username, password });
  const visit = await Visit.begin(await browser(stack), stack);
  const { page } = visit;
  await visit.logIn('admin', undefined, `/audit?actor=${username}`);
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  const lines = (await readFile(await (await saved).path(), 'utf8')).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    expect.objectContaining({ actor: username, action: 'auth.login', outcome: 'succeeded' }),
  ]);
  await visit.end();
});

story('lets a program read events, shows its credential once, and revokes it', async (stack) => {
  const { admin, prefix } = stack;
  const name = `${prefix}billing`;
  const visit = await Visit.begin(await browser(stack), stack);
  const { page } = visit;
  await visit.logIn('admin', undefined, '/tokens');
  await page.getByRole('button', { name: 'Let a program read events' }).click();
  const dialog = page.getByRole('dialog', { name: 'Let a program read events' });
  await dialog.getByLabel('Name').fill(name);
  await dialog.locator('button[type=submit]').click();
  await dialog.getByText('BEGIN NATS USER JWT').waitFor();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
  const row = page.getByRole('row').filter({ has: page.getByRole('cell', { name, exact: true }) });
  await row.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await row.waitFor({ state: 'detached' });
  const left = (await admin.GET('/api/v1/subscribers')).data.items.map((one) => one.name);
  expect(left).not.toContain(name);
  await visit.end();
});
