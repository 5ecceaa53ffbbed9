import { readFile } from 'node:fs/promises';
import { expect } from '@jest/globals';
import { expectAccessible } from './web/accessibility.ts';
import { useBrowser, Visit } from './web/browser.ts';
import { storiesOn } from './stack/story.ts';

const host = 'fake-a';
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] });
const browser = useBrowser();
const password = 'correct horse battery';

story('gives a user a new password and keeps their tokens, and ends where they are logged in', async (stack) => {
  const { admin, prefix } = stack;
  const username = `${prefix}grace`;
  await admin.POST('/api/v1/users', { body: { username, password, role: 'operator' } });
  const [session, again] = [stack.client(), 'another horse battery'];
  await session.logIn({ username, password });
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const { data: token } = await session.POST('/api/v1/tokens', {
    body: { name: 'ci', scopes: ['vm:read'], expiresAt },
  });
  const visit = await Visit.begin(await browser(stack), stack, { expected: /400/ });
  const { page } = visit;
  await visit.logIn('admin', undefined, '/users');
  const row = page.getByRole('row').filter({ has: page.getByRole('cell', { name: username, exact: true }) });

  await row.getByRole('button', { name: 'New password' }).click();
  const dialog = page.getByRole('dialog', { name: `New password of ${username}` });
  const field = dialog.locator('input[autocomplete=new-password]');
  await expectAccessible(page);
  await field.fill('password1234');
  await dialog.locator('button[type=submit]').click();
  await dialog.locator('input[aria-invalid=true]').waitFor();
  await field.fill(again);
  await dialog.getByRole('switch').check();
  await dialog.locator('button[type=submit]').click();
  await dialog.waitFor({ state: 'detached' });
  await expect(session.GET('/api/v1/auth/me')).rejects.toMatchObject({ code: 'unauthenticated' });
  await stack.client({ token: token.secret }).GET('/api/v1/vms');

  await session.logIn({ username, password: again });
  await row.getByRole('button', { name: 'Sessions' }).click();
  const sessions = page.getByRole('dialog', { name: `Where ${username} is logged in` });
  await sessions.getByText('127.0.0.1').waitFor();
  await expectAccessible(page);
  await sessions.getByRole('button', { name: 'Log out everywhere' }).click();
  await sessions.getByText('Not logged in anywhere').waitFor();
  await expect(session.GET('/api/v1/auth/me')).rejects.toMatchObject({ code: 'unauthenticated' });
  await visit.end();
});

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
