import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from '@jest/globals';
import { createVm, deleteVm, power, readVm } from './requests.ts';
import { storiesOn } from './stack/story.ts';
import { expectAccessible } from './web/accessibility.ts';
import { useBrowser, Visit } from './web/browser.ts';
import { wordsOf } from './web/words.ts';

const host = 'fake-a';
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] });
const browser = useBrowser();

type Manifest = Record<string, { file: string; css?: string[]; imports?: string[] }>;

const pages = [
  '/',
  '/machines',
  '/hosts',
  '/images',
  '/volumes',
  '/operations',
  '/events',
  '/archive',
  '/users',
  '/tokens',
  '/audit',
  '/settings',
  '/create',
];

/** For a story that goes through all of them, when it hangs. */
const everyPageWithinMs = 900_000;

const tabs = [
  'overview',
  'metrics',
  'console',
  'snapshots',
  'devices',
  'events',
  'operations',
  'definition',
  'archive',
];

story(
  'brings somebody who logs in to the address that they asked for, and keeps the session across tabs',
  async (stack) => {
    const visit = await Visit.begin(await browser(stack), stack, { expected: /401/ });
    const { page } = visit;
    await page.goto('/hosts');
    await visit.submit('admin', 'a wrong password');
    await page.getByText('User name or password is wrong.').waitFor();
    expect(await page.locator('input[autocomplete=username]').inputValue()).toBe('admin');
    await page.locator('input[autocomplete=current-password]').fill(stack.adminPassword);
    await page.locator('button[type=submit]').click();
    await page.getByRole('heading', { name: 'Hosts' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/hosts');
    await page.reload();
    await page.getByRole('heading', { name: 'Hosts' }).waitFor();

    const other = await visit.tab();
    await other.goto('/machines');
    await other.getByRole('heading', { name: 'Machines' }).waitFor();
    await other.getByRole('button', { name: /Account of/ }).click();
    await other.getByRole('menuitem', { name: 'Log out' }).click();
    await other.getByRole('heading', { name: 'Log in to Polyvirt' }).waitFor();
    await page.getByText('Your session has ended.').waitFor();
    await visit.end();
  },
);

for (const language of ['en', 'fr'] as const)
  story(`leads from a first log-in to a machine that runs, and to none again, in ${language}`, async (stack) => {
    const { admin, prefix } = stack;
    const t = wordsOf(language);
    const [username, given] = [`${prefix}first-${language}`, 'correct horse battery'];
    await admin.POST('/api/v1/users', { body: { username, password: given, role: 'operator' } });
    const first = stack.client({ username, password: given });
    const { link } = (await first.POST('/api/v1/auth/links', { body: { password: given } })).data;
    const visit = await Visit.begin(await browser(stack), stack, { language, expected: /40[01]/ });
    const { page } = visit;
    const choose = async (password: string) => {
      await page.locator('input[autocomplete=new-password]').fill(password);
      await page.getByRole('button', { name: t('welcome.go') }).click();
    };
    await page.goto(`/welcome#${link}`);
    await page.getByRole('heading', { name: t('welcome.title') }).waitFor();
    await choose('password1234');
    await page.locator('input[aria-invalid=true]').waitFor();
    await choose('a password of my own');
    await page.getByRole('heading', { name: t('nav.overview') }).waitFor();
    expect(new URL(page.url()).hash).toBe('');
    const late = await visit.tab();
    await late.goto(`/welcome#${link}`);
    await late.locator('input[autocomplete=new-password]').fill('another password of mine');
    await late.getByRole('button', { name: t('welcome.go') }).click();
    await late.getByText(t('welcome.used')).waitFor();
    await late.close();

    const name = `${prefix}made-${language}`;
    const next = page.getByRole('button', { name: t('create.next') });
    await page.goto('/create');
    await page.getByLabel(t('create.host'), { exact: true }).first().click();
    await page.getByRole('option', { name: new RegExp(host) }).click();
    await page.getByRole('textbox', { name: t('column.name') }).fill(name);
    await next.click();
    await page.getByLabel(t('create.image'), { exact: true }).first().click();
    await page.getByRole('option').first().click();
    for (let step = 0; step < 4; step++) await next.click();
    const plan = page.getByRole('region', { name: t('plan.title') });
    await plan.getByText(t('plan.disruption_none')).waitFor();
    await plan.getByText(name, { exact: true }).waitFor();
    await page.getByRole('button', { name: t('machines.create') }).click();
    await page.getByRole('heading', { name }).waitFor();
    await page.locator('main [data-state=running]').waitFor();
    const stop = page.getByRole('button', { name: t('verb.stop'), exact: true });
    await stop.click();
    await page.locator('main [data-state=stopped]').waitFor();
    expect(await stop.getAttribute('aria-disabled')).toBe('true');
    expect(await stop.getAttribute('aria-description')).toContain(t('state.stopped'));

    await page.getByRole('button', { name: t('machines.actions'), exact: true }).click();
    await page.getByRole('menuitem', { name: t('verb.delete') }).click();
    const dialog = page.getByRole('dialog').filter({ hasText: t('delete.what') });
    const remove = dialog.getByRole('button', { name: t('verb.delete') });
    expect(await remove.getAttribute('aria-disabled')).toBe('true');
    await dialog.getByLabel(t('delete.type', { name })).fill(name);
    await remove.click();
    await page.getByText(t('machine.gone')).waitFor();
    await visit.end();
  });

story(
  'shows the plan before a machine is edited, cloned or created, and what is refused at its field',
  async (stack) => {
    const { admin, prefix } = stack;
    const vm = await createVm(admin, { host, name: `${prefix}edited`, cpus: 1, start: true });
    const visit = await Visit.begin(await browser(stack), stack, { expected: /40[09]|422/ });
    const { page } = visit;
    await visit.logIn('admin', undefined, `/machines/${encodeURIComponent(vm.id)}`);
    const waiting = page.getByRole('region', { name: 'Waits for the next power-off' });

    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    const dialog = page.getByRole('dialog').filter({ hasText: 'Edit ' });
    await dialog.getByLabel('CPUs').fill('2');
    await dialog.getByRole('button', { name: 'Show the plan' }).click();
    await dialog.getByRole('row', { name: '/cpus 1 2 At the next power-off' }).waitFor();
    expect(await readVm(admin, vm.id)).not.toHaveProperty('pendingChanges');
    // The plan is of what was asked, and goes with the next edit.
    await dialog.getByLabel('CPUs').fill('3');
    await dialog.getByRole('region', { name: 'Plan' }).waitFor({ state: 'detached' });
    await dialog.getByRole('button', { name: 'Show the plan' }).click();
    await dialog.getByRole('row', { name: '/cpus 1 3 At the next power-off' }).waitFor();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await waiting.getByRole('row', { name: '/cpus 1 3' }).waitFor();
    await waiting.getByRole('button', { name: 'Discard these changes' }).click();
    await waiting.waitFor({ state: 'detached' });

    await power(admin, vm.id, 'stop', { force: true });
    await page.locator('main [data-state=stopped]').waitFor();
    await page.getByRole('button', { name: 'Clone', exact: true }).click();
    const clone = page.getByRole('dialog').filter({ hasText: 'Clone ' });
    await clone.getByRole('textbox', { name: 'Name' }).fill(vm.name);
    await clone.getByRole('button', { name: 'Show the plan' }).click();
    await clone.locator('[aria-invalid=true]').waitFor();
    await clone.getByRole('textbox', { name: 'Name' }).fill(`${prefix}copied`);
    await clone.getByRole('switch', { name: 'Network interfaces as its source has' }).uncheck();
    await clone.getByText('It will have no interface.').waitFor();
    await clone.getByRole('button', { name: 'Add an interface' }).click();
    await clone.getByLabel('Network', { exact: true }).click();
    await page.getByRole('option', { name: /default/ }).click();
    await clone.getByRole('textbox', { name: 'MAC address' }).fill('01:00:5e:00:00:07');
    await clone.getByRole('button', { name: 'Show the plan' }).click();
    await clone.locator('fieldset [aria-invalid=true]').waitFor();
    await clone.getByRole('textbox', { name: 'MAC address' }).fill('');
    await clone.getByRole('button', { name: 'Show the plan' }).click();
    await clone.getByRole('row', { name: /\/nics\/-/ }).waitFor();
    await clone.getByRole('button', { name: 'Remove interface 1' }).click();
    await clone.getByText('It will have no interface.').waitFor();
    await clone.getByRole('textbox', { name: 'Name' }).fill(vm.name);
    await clone.getByRole('button', { name: 'Show the plan' }).click();
    await clone.locator('[aria-invalid=true]').waitFor();
    expect(await clone.getByRole('button', { name: 'Clone', exact: true }).count()).toBe(0);

    await page.goto(`/create?host=${host}`);
    await page.getByRole('textbox', { name: 'Name' }).fill(vm.name);
    await page.getByRole('button', { name: /Review/ }).click();
    await page.locator('input[aria-invalid=true]').waitFor();
    expect(await page.locator('input[aria-invalid=true]').inputValue()).toBe(vm.name);
    await deleteVm(admin, vm.id);
    await visit.end();
  },
);

story('shows what others do, and resumes when the gateway was away', async (stack) => {
  const { admin, prefix } = stack;
  const vm = await createVm(admin, { host, name: `${prefix}watched`, start: true });
  const visit = await Visit.begin(await browser(stack), stack, { expected: /WebSocket|net::ERR_|50[0-9]/ });
  const { page } = visit;
  await visit.logIn('admin', undefined, '/machines?q=name:' + encodeURIComponent(`${prefix}watched`));
  const row = page.locator(`[data-vm="${vm.id}"]`);
  await row.locator('[data-state=running]').waitFor();
  await power(admin, vm.id, 'stop', { force: true });
  await row.locator('[data-state=stopped]').waitFor();

  await stack.kill('gateway');
  await page.locator('[data-link=lost]').waitFor();
  await row.locator('[data-state=stopped]').waitFor();
  await stack.restart('gateway');
  await power(admin, vm.id, 'start');
  await row.locator('[data-state=running]').waitFor();
  await page.locator('[data-link=lost]').waitFor({ state: 'detached' });
  await power(admin, vm.id, 'stop', { force: true });
  await deleteVm(admin, vm.id);
  await page.locator(`[data-vm="${vm.id}"][data-gone=true]`).waitFor();
  await visit.end();
});

story('does a batch with one left out and says why, from the keyboard alone', async (stack) => {
  const { admin, prefix } = stack;
  const vms = await Promise.all(
    Array.from({ length: 5 }, (_, n) => createVm(admin, { host, name: `${prefix}batch-${n}`, start: n === 0 })),
  );
  const visit = await Visit.begin(await browser(stack), stack);
  const { page } = visit;
  await visit.logIn('admin', undefined, `/machines?q=${prefix}batch`);
  await page.locator('[data-vm]').nth(4).waitFor();
  await page.getByRole('grid').focus();
  await page.keyboard.press('x');
  await page.keyboard.press('End');
  await page.keyboard.press('Shift+x');
  await page.getByText('5 selected').waitFor();
  await page.getByRole('button', { name: 'Start 4, skip 1' }).press('Enter');
  const dialog = page.getByRole('dialog').filter({ hasText: 'left out' });
  await dialog.getByText(`${prefix}batch-0: Not possible in this state: Running.`).waitFor();
  await dialog.getByRole('button', { name: 'Start 4' }).press('Enter');
  for (const { id } of vms) await page.locator(`[data-vm="${id}"] [data-state=running]`).waitFor();
  for (const { id } of vms) {
    await power(admin, id, 'stop', { force: true });
    await deleteVm(admin, id);
  }
  await visit.end();
});

it('is small enough to be there at once', async () => {
  const folder = join(import.meta.dirname, '../../apps/web/dist');
  const manifest = JSON.parse(await readFile(join(folder, '.vite/manifest.json'), 'utf8')) as Manifest;
  const files = new Set<string>();
  const take = (name: string): void => {
    const { file, css = [], imports = [] } = manifest[name]!;
    if (files.has(file)) return;
    for (const one of [file, ...css]) files.add(one);
    imports.forEach(take);
  };
  // What everybody loads first: the entry, with a catalogue and the overview.
  for (const name of ['index.html', 'src/i18n/en.json', 'src/overview/overview.tsx']) take(name);
  let bytes = 0;
  for (const file of files) bytes += gzipSync(await readFile(join(folder, file)), { level: 9 }).length;
  expect(bytes).toBeLessThan(350 * 1_024);
});

story('keeps filter, order and columns in the address and in a view', async (stack) => {
  const visit = await Visit.begin(await browser(stack), stack);
  const { page } = visit;
  await visit.logIn('admin', undefined, '/machines');
  await page.getByRole('textbox', { name: 'Filter machines' }).fill('state:running label:env=test');
  await page.waitForURL(/q=state/);
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('textbox', { name: 'Name of the view' }).fill('Tests');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('menuitem', { name: 'Tests' }).first().waitFor();
  await page.goto('/machines');
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Tests' }).first().click();
  await page.waitForURL(/q=state/);
  await page.getByText('No machine matches the filter').waitFor();
  await visit.end();
});

for (const scheme of ['light', 'dark'] as const)
  story(
    `is read aloud, and refuses nothing that its policy does not refuse, in ${scheme}`,
    async (stack) => {
      const vm = await createVm(stack.admin, { host, name: `${stack.prefix}axe` });
      const visit = await Visit.begin(await browser(stack), stack, { dark: scheme === 'dark' });
      await visit.logIn();
      for (const path of [...pages, ...tabs.map((tab) => `/machines/${encodeURIComponent(vm.id)}?tab=${tab}`)]) {
        await visit.page.goto(path);
        await visit.page.locator('main h1').first().waitFor();
        await expectAccessible(visit.page);
      }
      await visit.page.goto('/docs');
      await visit.page.locator('.opblock').first().waitFor();
      await visit.end();
      await deleteVm(stack.admin, vm.id);
    },
    everyPageWithinMs,
  );

story(
  'speaks French, and fits on a telephone',
  async (stack) => {
    const visit = await Visit.begin(await browser(stack), stack, { language: 'fr', width: 360 });
    const { page } = visit;
    await page.goto('/');
    await page.getByRole('heading', { name: 'Connexion à Polyvirt' }).waitFor();
    await visit.logIn();
    await page.getByRole('heading', { name: 'Vue d’ensemble' }).waitFor();
    for (const path of pages) {
      await page.goto(path);
      await page.locator('main h1').first().waitFor();
      const wider = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      expect([path, wider]).toEqual([path, 0]);
    }
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('link', { name: 'Hôtes' }).click();
    await page.getByRole('heading', { name: 'Hôtes' }).waitFor();
    await visit.end();
  },
  everyPageWithinMs,
);

story('shows a viewer what they may see, and why they may not do the rest', async (stack) => {
  const { admin, prefix } = stack;
  const vm = await createVm(admin, { host, name: `${prefix}seen` });
  const password = 'correct horse battery';
  await admin.POST('/api/v1/users', { body: { username: `${prefix}eve`, password, role: 'viewer' } });
  const visit = await Visit.begin(await browser(stack), stack);
  const { page } = visit;
  await visit.logIn(`${prefix}eve`, password, `/machines/${encodeURIComponent(vm.id)}`);
  const start = page.getByRole('button', { name: 'Start', exact: true });
  await start.waitFor();
  expect(await start.getAttribute('aria-description')).toContain('vm:power');
  expect(await page.getByRole('link', { name: 'Users' }).count()).toBe(0);
  await page.goto('/users');
  await page.getByText('This needs the role Administrator').waitFor();
  expect((await readVm(admin, vm.id)).state).toBe('stopped');
  await deleteVm(admin, vm.id);
  await visit.end();
});

story(
  'asks for the password once more before it makes a user, in a session that has been open for long',
  async (stack) => {
    const { admin, adminPassword, prefix } = stack;
    const visit = await Visit.begin(await browser(stack), stack, { expected: /403|400/ });
    const { page } = visit;
    await visit.logIn('admin', undefined, '/users');
    // What the gateway says ten minutes after a log-in.
    const detail = 'This needs a session in which the password was given within the last 10 minutes.';
    const problem = {
      code: 'confirmation-required',
      title: 'x',
      status: 403,
      detail,
      retryable: false,
      requestId: 'r',
    };
    const old = { status: 403, contentType: 'application/problem+json', body: JSON.stringify(problem) };
    await page.route('**/api/v1/users', (route) =>
      route.request().method() === 'POST' ? route.fulfill(old) : route.continue(),
    );
    const create = async (name: string) => {
      await page.getByRole('button', { name: 'Create a user' }).first().click();
      const form = page.getByRole('dialog').filter({ hasText: 'Role' });
      await form.getByLabel('User name').fill(name);
      await form.locator('input[autocomplete=new-password]').fill('correct horse battery');
      await form.locator('button[type=submit]').click();
    };
    const question = page.getByRole('dialog').filter({ hasText: 'Your password once more' });
    await create(`${prefix}bob`);
    await question.getByLabel('Password', { exact: true }).fill('a wrong password');
    await question.getByRole('button', { name: 'Confirm' }).click();
    await page.getByText('This is not the password of your account.').waitFor();
    await page.unroute('**/api/v1/users');
    await question.getByLabel('Password', { exact: true }).fill(adminPassword);
    await question.getByRole('button', { name: 'Confirm' }).click();
    await page.getByRole('cell', { name: `${prefix}bob`, exact: true }).waitFor();
    const users = (await admin.GET('/api/v1/users')).data.items;
    expect(users.map(({ username }) => username)).toContain(`${prefix}bob`);
    await visit.end();
  },
);
