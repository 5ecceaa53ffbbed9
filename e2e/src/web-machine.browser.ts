import { expect } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import type { Page } from 'playwright-core';
import { GuestTerminal } from './guest-terminal.ts';
import { createVm, deleteVm, patienceMs, power, readVm, vmWhen, waiting } from './requests.ts';
import { storiesOn } from './stack/story.ts';
import { expectAccessible } from './web/accessibility.ts';
import { useBrowser, Visit } from './web/browser.ts';
import { takePicture } from './web/pictures.ts';
import { wordsOf } from './web/words.ts';

const host = 'fake-a';
const real = 'kvm-a';
const story = storiesOn({
  agents: [
    { kind: 'fake', id: host },
    { kind: 'kvm', id: real },
  ],
});
const browser = useBrowser();

/** A shell that has not answered by then is asked once more. */
const answerWithinMs = 2_000;
const addressOf = (vmId: string) => `/machines/${encodeURIComponent(vmId)}`;
/** How many colours are on the screen of a machine. */
const coloursOn = (page: Page) =>
  page.evaluate<number>(`(() => {
    const canvas = document.querySelector('.console-screen canvas');
    if (!canvas?.width) return 0;
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  })()`);

const chooseConsole = (page: Page, kind: string) =>
  page.getByRole('radiogroup').locator('label').filter({ hasText: kind }).click();
const shownOn = (page: Page) => page.locator('.console-terminal .xterm-rows').innerText();
/** Has the shell of the guest print a word that is not in what is typed. A shell that still starts may miss it. */
const answers = (page: Page, word: string) =>
  eventually(async () => {
    await page.locator('.console-terminal textarea').focus();
    await page.keyboard.type(`echo ${word.slice(0, 2)}""${word.slice(2)}`);
    await page.keyboard.press('Enter');
    await eventually(async () => expect(await shownOn(page)).toContain(word), answerWithinMs);
  }, patienceMs);

story('makes a real machine with a user of its own, waits for its address, and shows its screen', async (stack) => {
  const { admin, prefix, kvm } = stack;
  const visit = await Visit.begin(await browser(stack), stack, { expected: /50[0-9]|409/ });
  const { page } = visit;
  await visit.logIn('admin', undefined, `/create?host=${real}`);
  const name = `${prefix}real`;
  const next = page.getByRole('button', { name: 'Next' });
  const choose = async (label: string, option: string) => {
    await page.getByLabel(label, { exact: true }).first().click();
    await page.getByRole('option', { name: option }).click();
  };
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await next.click();
  await choose('Image', 'tiny-linux');
  await next.click();
  await page.getByLabel('Memory', { exact: true }).fill('192');
  await next.click();
  await choose('Network', kvm.network);
  await next.click();
  await page.getByLabel('User name').fill('ada');
  await page.getByLabel('Password', { exact: true }).fill('pass "word"');
  await page.getByLabel('SSH public key').fill('ssh-ed25519 AAAA ada@home');
  await next.click();
  await page.getByRole('region', { name: 'Plan' }).waitFor();
  await visit.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'Copy as command line' }).click();
  const command = await page.evaluate<string>('navigator.clipboard.readText()');
  const body = JSON.parse(command.split('\n').slice(1, -1).join('\n')) as { cloudInit: { userData: string } };
  for (const part of ['name: "ada"', 'plain_text_passwd: "pass \\"word\\""', 'ssh-ed25519 AAAA ada@home'])
    expect(body.cloudInit.userData).toContain(part);
  await page.getByRole('button', { name: 'Create a machine' }).click();
  await page.getByRole('heading', { name }).waitFor({ timeout: patienceMs });
  await page.locator('[data-address=known]').waitFor({ timeout: patienceMs });
  const vmId = decodeURIComponent(new URL(page.url()).pathname.slice('/machines/'.length));
  const { nics } = await vmWhen(admin, vmId, (vm) => vm.nics[0]!.addresses.length > 0);
  await page.locator('[data-address=known]').getByText(nics[0]!.addresses[0]!).waitFor();

  await page.getByRole('tab', { name: 'Console' }).click();
  await page.locator('[data-console=connected]').waitFor({ timeout: patienceMs });
  await eventually(async () => expect(await coloursOn(page)).toBeGreaterThan(1), patienceMs);
  await takePicture(page, 'console');
  await chooseConsole(page, 'Text');
  await page.locator('[data-console=connected]').waitFor({ timeout: patienceMs });
  await answers(page, 'guest');
  await page.getByRole('tab', { name: 'Definition' }).click();
  const document = page.locator('pre.document');
  await document.getByText(`<name>${name}</name>`).waitFor();
  await page.getByLabel('Find in the definition').fill(kvm.network);
  await document.locator('mark').first().waitFor();
  await power(admin, vmId, 'stop', { force: true });
  await page.locator('main [data-state=stopped]').waitFor();
  await deleteVm(admin, vmId);
  await page.getByText('This machine does not exist any more').waitFor();
  await visit.end();
});

for (const language of ['en', 'fr'] as const)
  story(`types into the text console of a machine, and loses it to somebody else, in ${language}`, async (stack) => {
    const { admin, prefix } = stack;
    const t = wordsOf(language);
    const { id: vmId } = await createVm(admin, {
      host,
      name: `${prefix}typed-${language}`,
      disks: [{ image: 'tiny-linux' }],
      start: true,
    });
    // A host that is too busy to open the console in time is asked again.
    const visit = await Visit.begin(await browser(stack), stack, {
      language,
      dark: language === 'fr',
      expected: /50[0-9]/,
    });
    const { page } = visit;
    await visit.logIn('admin', undefined, `${addressOf(vmId)}?tab=console`);
    await chooseConsole(page, t('console.kind_text'));
    await page.waitForURL(/console=text/);
    await page.locator('[data-console=connected]').waitFor();
    await answers(page, 'first');
    await expectAccessible(page);

    const other = await GuestTerminal.open(admin, vmId);
    await page.locator('[data-console=ended]').getByText('admin has taken this console over.').waitFor();
    await page.getByRole('button', { name: t('console.reconnect') }).click();
    expect(await other.closed).toBe('admin has taken this console over.');
    await page.locator('[data-console=connected]').waitFor();
    await answers(page, 'second');
    // What it has shown is still there.
    expect(await shownOn(page)).toContain('first');

    await power(admin, vmId, 'stop', { force: true });
    await page.locator('[data-console=ended]').waitFor();
    await power(admin, vmId, 'start');
    await page.locator('[data-console=connected]').waitFor();
    await answers(page, 'third');
    await power(admin, vmId, 'stop', { force: true });
    await deleteVm(admin, vmId);
    await visit.end();
  });

story('takes snapshots, reverts to one and deletes one, and shows the tree as it becomes', async (stack) => {
  const { admin, prefix } = stack;
  const vm = await createVm(admin, { host, name: `${prefix}tree`, start: true });
  const visit = await Visit.begin(await browser(stack), stack, { expected: /404/ });
  const { page } = visit;
  await visit.logIn('admin', undefined, `${addressOf(vm.id)}?tab=snapshots`);
  await page.getByText('No snapshots').waitFor();
  const item = (name: string) => page.locator(`[role=treeitem][aria-label="${name}"]`);
  for (const name of ['before', 'after']) {
    await page.getByRole('button', { name: 'Take a snapshot' }).click();
    const form = page.getByRole('dialog').filter({ hasText: 'Include the memory' });
    await form.getByLabel('Name').fill(name);
    await form.getByRole('button', { name: 'Take a snapshot' }).click();
    await item(name).and(page.locator('[aria-current=true]')).waitFor();
  }
  expect(await item('after').getAttribute('aria-level')).toBe('2');
  const answer = async (name: string, verb: string, detail: string, button: string) => {
    // The buttons of a snapshot come before those of its children.
    await item(name).getByRole('button', { name: verb }).first().click();
    const dialog = page.getByRole('dialog').filter({ hasText: detail });
    await dialog.getByRole('button', { name: button }).click();
    await dialog.waitFor({ state: 'detached' });
  };
  await answer('before', 'Revert', 'Everything that was written since this snapshot is lost.', 'Revert');
  await item('before').and(page.locator('[aria-current=true]')).waitFor();
  await answer('after', 'Delete snapshot', 'you cannot revert to this snapshot any more', 'Delete');
  await page.getByText('after', { exact: true }).waitFor({ state: 'detached' });
  await deleteWhenStopped(stack.admin, vm.id);
  await visit.end();
});

story('renews its session by itself, and comes back to the same page when it was ended', async (stack) => {
  const { admin, prefix } = stack;
  const password = 'correct horse battery';
  const username = `${prefix}short`;
  await admin.POST('/api/v1/users', { body: { username, password, role: 'viewer' } });
  const visit = await Visit.begin(await browser(stack), stack, { expected: /401/ });
  const { page } = visit;
  await page.clock.install();
  await visit.logIn(username, password, '/hosts');
  await page.getByRole('heading', { name: 'Hosts' }).waitFor();
  const renewed = page.waitForResponse((answer) => answer.url().endsWith('/auth/refresh'));
  // Longer than an access token is good for.
  await page.clock.fastForward('20:00');
  await page.getByRole('link', { name: 'Archive' }).click();
  expect((await renewed).status()).toBe(200);
  await page.getByRole('heading', { name: 'Archive' }).waitFor();

  await stack.client({ username, password }).DELETE('/api/v1/auth/sessions');
  await page.clock.fastForward('20:00');
  await page.getByText('Your session has ended.').waitFor();
  await visit.submit(username, password);
  await page.getByRole('heading', { name: 'Archive' }).waitFor();
  expect(new URL(page.url()).pathname).toBe('/archive');
  await visit.end();
});

story('is used with the keyboard alone, from the log-in to a machine that is deleted', async (stack) => {
  const { admin, prefix } = stack;
  const vm = await createVm(admin, { host, name: `${prefix}keys` });
  // It may ask a guest that has just been stopped.
  const visit = await Visit.begin(await browser(stack), stack, { expected: /409/ });
  const { page } = visit;
  const { keyboard } = page;
  await page.goto('/');
  await page.locator('input[autocomplete=username]:focus').waitFor();
  await keyboard.type('admin');
  await keyboard.press('Tab');
  await keyboard.type(stack.adminPassword);
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await keyboard.press('?');
  await page.getByRole('dialog').filter({ hasText: 'Keyboard shortcuts' }).waitFor();
  await keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await keyboard.press('Control+k');
  await page.getByPlaceholder('Go to a page or start a task').and(page.locator(':focus')).waitFor();
  await keyboard.type('Hosts');
  await page.locator('[data-action][data-selected]', { hasText: 'Hosts' }).waitFor();
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Hosts' }).waitFor();
  await keyboard.press('g');
  await keyboard.press('m');
  await page.getByRole('heading', { name: 'Machines' }).waitFor();
  await page.getByRole('grid').waitFor();
  await keyboard.press('/');
  await keyboard.type(vm.name);
  await page.waitForURL(/q=/);
  const row = page.locator(`[data-vm="${vm.id}"]`);
  await row.waitFor();
  for (let tabs = 0; tabs < 12 && !(await page.locator('[role=grid]:focus').count()); tabs++)
    await keyboard.press('Tab');
  await keyboard.press('s');
  await row.locator('[data-state=running]').waitFor();
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: vm.name }).waitFor();
  await keyboard.press(']');
  await page.locator('[role=tab][aria-selected=true]', { hasText: 'Metrics' }).waitFor();
  await keyboard.press('[');
  await page.locator('[role=tab][aria-selected=true]', { hasText: 'Overview' }).waitFor();
  await page.getByRole('button', { name: 'Edit', exact: true }).waitFor();
  await keyboard.press('e');
  const edit = page.getByRole('dialog').filter({ hasText: `Edit ${vm.name}` });
  await edit.locator('input:focus').waitFor();
  await keyboard.press('Escape');
  await edit.waitFor({ state: 'detached' });
  await power(admin, vm.id, 'stop', { force: true });
  await page.locator('main [data-state=stopped]').waitFor();
  await keyboard.press('Delete');
  const dialog = page.getByRole('dialog').filter({ hasText: 'to confirm' });
  await dialog
    .getByLabel(/to confirm/)
    .and(page.locator(':focus'))
    .waitFor();
  await keyboard.type(vm.name);
  await dialog.getByRole('region', { name: 'Plan' }).waitFor();
  await keyboard.press('Enter');
  await page.getByText('This machine does not exist any more').waitFor();
  await visit.end();
});

story('draws what a machine does while it does it', async (stack) => {
  const vm = await createVm(stack.admin, { host, name: `${stack.prefix}chart`, start: true });
  // It may ask for a machine that has just been deleted.
  const visit = await Visit.begin(await browser(stack), stack, { expected: /404/ });
  const { page } = visit;
  await visit.logIn('admin', undefined, `${addressOf(vm.id)}?tab=metrics`);
  await page.getByRole('img', { name: 'CPU' }).locator('canvas').waitFor();
  await page.getByText('The numbers as a table').click();
  const latest = () => page.locator('details tbody tr td').first().innerText();
  const first = await latest();
  await eventually(async () => expect(await latest()).not.toBe(first), patienceMs);
  await deleteWhenStopped(stack.admin, vm.id);
  await visit.end();
});

story('is what the pictures of the tour show', async (stack) => {
  const { admin } = stack;
  const names = ['web-1', 'web-2', 'db-1', 'ci-runner', 'windows-test'];
  const vms = await Promise.all(
    names.map((name, n) =>
      createVm(admin, {
        host,
        name,
        cpus: 1 + (n % 2),
        memoryMiB: 1024 * (1 + n),
        disks: [{ sizeGiB: 10 + 5 * n }],
        labels: { env: n < 3 ? 'production' : 'test' },
        start: n % 3 !== 1,
      }),
    ),
  );
  const first = vms[0]!;
  for (const name of ['installed', 'before the upgrade'])
    await admin.POST('/api/v1/vms/{vmId}/snapshots', {
      body: { name },
      params: { path: { vmId: first.id }, header: waiting },
    });
  const visit = await Visit.begin(await browser(stack), stack);
  const { page } = visit;
  await visit.logIn();
  await page.locator('main').getByText(host).first().waitFor();
  await takePicture(page, 'overview');
  await page.goto('/machines');
  await page.locator('[data-vm]').nth(4).waitFor();
  await page.getByRole('checkbox', { name: 'Select web-1' }).click();
  await page.getByRole('checkbox', { name: 'Select web-2' }).click();
  await page.getByText('2 selected').waitFor();
  await takePicture(page, 'machines');
  await page.goto(`${addressOf(first.id)}?tab=snapshots`);
  await page.getByRole('treeitem').nth(1).waitFor();
  await takePicture(page, 'snapshots');
  await page.goto(addressOf(first.id));
  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  const edit = page.getByRole('dialog').filter({ hasText: 'Edit web-1' });
  await edit.getByLabel('CPUs').fill('4');
  await edit.getByRole('button', { name: 'Show the plan' }).click();
  await edit.getByRole('region', { name: 'Plan' }).waitFor();
  await takePicture(page, 'plan');
  await visit.end();

  const dark = await Visit.begin(await browser(stack), stack, { dark: true, language: 'fr' });
  await dark.logIn('admin', undefined, `${addressOf(first.id)}?tab=metrics`);
  await dark.page.locator('.chart canvas').first().waitFor();
  expect(await dark.page.locator('.chart .u-label').first().innerText()).toBe(wordsOf('fr')('metrics.time'));
  await takePicture(dark.page, 'metrics-dark-fr');
  await dark.end();
  for (const { id } of vms) {
    const { state } = await readVm(admin, id);
    await (state === 'running' ? deleteWhenStopped(admin, id) : deleteVm(admin, id));
  }
});

async function deleteWhenStopped(admin: Parameters<typeof power>[0], vmId: string): Promise<void> {
  await power(admin, vmId, 'stop', { force: true });
  await deleteVm(admin, vmId);
}
