import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { components } from '@polyvirt/api-client';
import { newUserKey, proofOf } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { operationWhen, patienceMs, waiting } from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const host = 'fake-a';
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] });

type TokenPair = components['schemas']['TokenPair'];

const secret = (what: string) => `${what}-${randomUUID()}`;

/** What was searched, by name, and in what of it which secrets are. */
interface Search {
  readonly places: string[];
  readonly found: string[];
}

/** In plain, and as the ways of encoding have it that nobody takes for sealing. */
const spellings = (text: string): string[] => [
  text,
  Buffer.from(text).toString('hex'),
  // Wherever it stands in what was encoded.
  ...[0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), Buffer.from(text)])
      .toString('base64')
      .slice(4, -4),
  ),
];

function searchIn(
  { places, found }: Search,
  place: string,
  content: Buffer | string,
  secrets: Record<string, string>,
): void {
  places.push(place);
  const bytes = Buffer.from(content);
  for (const [name, text] of Object.entries(secrets))
    if (spellings(text).some((spelling) => bytes.includes(spelling))) found.push(`${name} in ${place}`);
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

/** Everything that the streams and buckets of the bus hold. */
async function messages({ bus }: Stack): Promise<[string, Uint8Array][]> {
  const all: [string, Uint8Array][] = [];
  for await (const { config, state } of bus.manager.streams.list())
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = await bus.manager.streams.getMessage(config.name, { seq }).catch(() => null);
      if (message) all.push([`${config.name} ${message.subject}`, message.data]);
    }
  return all;
}

/** Uses a secret of every kind, by a way that succeeds and by one that fails. */
async function useSecrets(stack: Stack): Promise<Record<string, string>> {
  const { admin, adminPassword, jwtSecret } = stack;
  const [first, second, guess] = [secret('first'), secret('second'), secret('guess')];
  const repeated = () => ({ 'Idempotency-Key': randomUUID() });
  const used: Record<string, string> = { adminPassword, jwtSecret, first, second, guess };
  const refused = (request: Promise<unknown>) => expect(request).rejects.toMatchObject({ code: expect.any(String) });

  await admin.POST('/api/v1/users', {
    body: { username: 'ada', password: first, role: 'operator' },
    params: { header: repeated() },
  });
  const login = await admin.POST('/api/v1/auth/login', { body: { username: 'ada', password: first } });
  const { accessToken, refreshToken } = login.data as TokenPair;
  const ada = stack.client({ token: accessToken });
  await ada.POST('/api/v1/auth/password', { body: { current: first, password: second } });
  for (const body of [
    { username: 'ada', password: guess },
    { username: guess, password: guess },
  ])
    await refused(admin.POST('/api/v1/auth/login', { body }));
  await refused(ada.POST('/api/v1/auth/password', { body: { current: guess, password: guess } }));
  await refused(ada.POST('/api/v1/auth/refresh', { body: { refreshToken: guess } }));
  await refused(stack.client({ token: guess }).GET('/api/v1/vms'));
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const { data: token } = await ada.POST('/api/v1/tokens', {
    body: { name: 'ci', scopes: ['vm:read'], expiresAt },
    params: { header: repeated() },
  });
  await stack.client({ token: token.secret }).GET('/api/v1/vms');
  const { data: subscriber } = await admin.POST('/api/v1/subscribers', {
    body: { name: 'reader' },
    params: { header: repeated() },
  });
  const { data: invitation } = await admin.POST('/api/v1/hosts', {
    body: { id: 'newcomer', hypervisor: 'kvm' },
    params: { header: repeated() },
  });
  const newKey = newUserKey();
  const { data: joined } = await stack.client().POST('/api/v1/hosts/join', {
    body: {
      token: invitation.token,
      publicKey: newKey.publicKey,
      proof: proofOf(newKey.seed, invitation.token),
      agentVersion: '1',
    },
  });
  const seed = /SU[A-Z2-7]{56}/.exec(subscriber.credentials)![0];
  const { data: ticket } = await ada.POST('/api/v1/events/ticket', {});

  const cloudInit = { userData: `#cloud-config\npassword: ${secret('guest')}`, networkConfig: secret('wifi') };
  const create = async (name: string, more: object = {}) =>
    admin.POST('/api/v1/vms', {
      body: { host, name, disks: [{ sizeGiB: 1 }], cloudInit, ...more },
      params: { header: { ...waiting, ...repeated() } },
    });
  const { data: made } = await create('web');
  expect(made.status).toBe('succeeded');
  // What a bug throws is logged, and a driver may quote what it was given.
  await stack.fail(host, { at: 'create', breakWith: `cannot write ${cloudInit.userData}` });
  const { data: failed } = await create('failing');
  await stack.disarm();
  await operationWhen(admin, failed.id, ({ status }) => status === 'failed');
  await refused(create('', { cloudInit: { ...cloudInit, more: guess } }));
  for (const [name, value] of Object.entries({
    accessToken,
    refreshToken,
    apiToken: token.secret,
    seed,
    joinToken: invitation.token,
    messageKey: joined.messageKey,
    ticket: new URL(ticket.url, stack.url()).searchParams.get('ticket')!,
  }))
    used[name] = value;
  return { ...used, userData: cloudInit.userData.split(' ').at(-1)!, networkConfig: cloudInit.networkConfig };
}

story('keeps no secret where anybody could read it, once it was used', async (stack) => {
  const secrets = await useSecrets(stack);
  await eventually(async () => {
    expect((await filesIn(stack.archives)).length).toBeGreaterThan(0);
  }, patienceMs);
  const search: Search = { places: [], found: [] };
  for (const path of await filesIn(stack.folder)) searchIn(search, path, await readFile(path), secrets);
  for (const [place, data] of await messages(stack)) searchIn(search, place, Buffer.from(data), secrets);
  for (const path of [
    'operations',
    'audit',
    'audit/export',
    'archives',
    'vms',
    'users',
    'tokens',
    'subscribers',
    'auth/sessions',
    'hosts',
  ]) {
    const response = await stack.admin.send(new Request(`${stack.url()}/api/v1/${path}`));
    expect([path, response.status]).toEqual([path, 200]);
    searchIn(search, `GET ${path}`, await response.text(), secrets);
  }
  expect(search.found).toEqual([]);
  // It has looked where it would be.
  for (const place of [
    /gateway\.log$/,
    /agent-fake-a\.log$/,
    /organizer\.log$/,
    /polyvirt\.db$/,
    /metadata\.json$/,
    /^KV_polyvirt_journal /,
  ])
    expect(search.places.filter((name) => place.test(name))).not.toEqual([]);

  const kept = (await filesIn(stack.folder)).filter(
    (path) => path.startsWith(stack.archives) || /polyvirt\.db/.test(path),
  );
  const open = await Promise.all(kept.map(async (path) => [path, (await stat(path)).mode & 0o077] as const));
  expect(open.filter(([, mode]) => mode !== 0)).toEqual([]);
});
