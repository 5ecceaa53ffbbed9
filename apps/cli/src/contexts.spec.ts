import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { clientAt, findPlace, readContexts, requireContext, webUrl, writeContexts } from './contexts.ts';
import { Exit, Given, UsageError } from './declaration.ts';
import { configFolderOf, type Terminal } from './terminal.ts';

const root = mkdtempSync(join(tmpdir(), 'polyvirt-contexts-'));
const configFolder = join(root, 'config');
const file = join(configFolder, 'contexts.yaml');
const work = join(root, 'work');
const lab = { url: 'http://lab:8080', username: 'ada', token: 'pvt' };

const terminal = (change: Partial<Pick<Terminal, 'env' | 'cwd' | 'configFolder'>> = {}): Terminal => ({
  ...{ env: {}, cwd: join(work, 'deep'), configFolder },
  ...{ isTerminal: false, isInteractive: false, colour: false, columns: 80, rows: 24 },
  ...{ print: () => undefined, tell: () => undefined, write: () => undefined, status: () => undefined },
  ask: () => Promise.reject(new Error('there is nobody to ask')),
  onResize: () => () => undefined,
  ...change,
});
const place = (change = {}, given = {}) => findPlace(terminal(change), new Given(given));
const runs = (text: string) => writeFileSync(join(work, '.polyvirt', 'run.json'), text);

beforeEach(() => {
  for (const folder of [configFolder, work]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(configFolder, { recursive: true });
  mkdirSync(join(work, 'deep'), { recursive: true });
  mkdirSync(join(work, '.polyvirt'));
  writeFileSync(file, JSON.stringify({ current: 'lab', contexts: { lab } }));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the file of contexts', () => {
  it.each([
    ['no YAML', 'a: [b'],
    ['a text', 'lab'],
    ['a list', '- lab'],
    ['a number', '7'],
    ['a list of contexts', 'contexts: [lab]'],
    ['a context that is nothing', 'contexts: {lab: null}'],
    ['a context without an address', 'contexts: {lab: {token: t}}'],
    ['a current one that is no name', 'current: [lab]\ncontexts: {}'],
  ])('that is %s is named, and nothing else happens', async (_, text) => {
    writeFileSync(file, text);
    await expect(readContexts(terminal())).rejects.toThrow(UsageError);
    await expect(readContexts(terminal())).rejects.toThrow(file);
    // It is not needed for this.
    expect(await place({ env: { POLYVIRT_URL: 'http://here' } })).toMatchObject({ from: 'POLYVIRT_URL' });
  });

  it.each([
    ['is empty', ''],
    ['has none', 'contexts:'],
  ])('that %s knows no installation', async (_, text) => {
    writeFileSync(file, text);
    expect(await readContexts(terminal())).toEqual({ contexts: {} });
    await expect(place()).rejects.toMatchObject({ exitCode: 4 });
  });

  it('is none for whoever has no home, and nothing can be kept there', async () => {
    const homeless = terminal({ configFolder: undefined });
    expect(await readContexts(homeless)).toEqual({ contexts: {} });
    await expect(writeContexts(homeless, { contexts: {} })).rejects.toThrow('set HOME or XDG_CONFIG_HOME');
  });

  it('is written for its owner alone, and says where it cannot be', async () => {
    await writeContexts(terminal(), { current: 'lab', contexts: { lab } });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const below = terminal({ configFolder: join(file, 'below-a-file') });
    expect(await readContexts(below)).toEqual({ contexts: {} });
    const failed = await writeContexts(below, { contexts: {} }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Exit);
    expect(failed).toMatchObject({ exitCode: 1, message: expect.stringContaining('cannot be written (ENOTDIR)') });
    expect(readFileSync(file, 'utf8')).toContain('lab');
  });

  it.each(['toString', 'constructor', '__proto__', 'nothing', ''])('knows no context %j', (name) => {
    expect(() => requireContext({ lab }, name)).toThrow('known: lab');
  });
});

describe('the settings of a user', () => {
  it.each([
    ['linux', { XDG_CONFIG_HOME: '/etc/xdg', HOME: '/home/ada' }, '/etc/xdg/polyvirt'],
    ['linux', { XDG_CONFIG_HOME: '', HOME: '/home/ada' }, '/home/ada/.config/polyvirt'],
    // A relative one would lead somewhere else in each folder.
    ['linux', { XDG_CONFIG_HOME: 'config', HOME: '/home/ada' }, '/home/ada/.config/polyvirt'],
    ['linux', { HOME: '' }, '/root/.config/polyvirt'],
    ['linux', {}, '/root/.config/polyvirt'],
    ['win32', { APPDATA: '/c/ada/AppData/Roaming' }, '/c/ada/AppData/Roaming/polyvirt'],
    ['win32', { APPDATA: '' }, '/root/AppData/Roaming/polyvirt'],
  ] as const)('are on %s with %j in %s', (platform, env, expected) => {
    expect(configFolderOf(env, platform, () => '/root')).toBe(expected);
  });

  it.each([
    () => '',
    () => 'relative',
    () => {
      throw new Error('ENOENT');
    },
  ])('are nowhere without a home (%s)', (home) => {
    expect(configFolderOf({}, 'linux', home)).toBeUndefined();
  });
});

describe('the place of a command', () => {
  it.each([
    ['https://polyvirt.example:8443/', 'https://polyvirt.example:8443'],
    ['HTTP://Lab:80', 'http://lab'],
    ['https://proxy/polyvirt/', 'https://proxy/polyvirt'],
    ['http://127.0.0.1:8080/api/v1', 'http://127.0.0.1:8080'],
    ['http://127.0.0.1:8080/api/v1/?x=1#y', 'http://127.0.0.1:8080'],
  ])('is of %s the address %s', (text, expected) => {
    expect(webUrl('URL', text)).toBe(expected);
  });

  it.each(['', 'lab', 'lab:8080', 'ftp://lab', '//lab', 'http://'])('is no address in %j', (text) => {
    expect(() => webUrl('URL', text)).toThrow(UsageError);
  });

  it('shows no password that was put into an address', () => {
    const refuse = () => webUrl('URL', 'https://ada:horse@lab');
    expect(refuse).toThrow(UsageError);
    expect(refuse).not.toThrow('horse');
  });

  it('is a running stack before the current context, and a context or an address that is said before both', async () => {
    runs(JSON.stringify({ url: 'http://127.0.0.1:8080', username: 'admin', password: 'p' }));
    expect(await place()).toMatchObject({ from: join(work, '.polyvirt', 'run.json') });
    expect(await place({ env: { POLYVIRT_URL: 'http://env/', POLYVIRT_TOKEN: 't' } })).toEqual({
      from: 'POLYVIRT_URL',
      options: { url: 'http://env', token: 't' },
    });
    expect(await place({ env: { POLYVIRT_CONTEXT: 'lab' } })).toMatchObject({ from: 'POLYVIRT_CONTEXT lab' });
    expect(await place({}, { context: 'lab' })).toMatchObject({ from: '--context lab' });
    // Of a folder that is gone nobody knows what is above.
    expect(await place({ cwd: undefined })).toMatchObject({ from: 'lab' });
  });

  it.each(['', '{', '[]', '{"url": 7}', '{"url": "nowhere"}'])('is not what a run.json with %j says', async (text) => {
    runs(text);
    await expect(place()).rejects.toThrow(UsageError);
    await expect(place()).rejects.toThrow('run.json is not what npm start writes');
  });

  it('is not a stack of somebody else, where there is a current context', async () => {
    // Even the superuser reads no folder as a file.
    mkdirSync(join(work, '.polyvirt', 'run.json'));
    expect(await place()).toMatchObject({ from: 'lab' });
    chmodSync(file, 0o600);
    writeFileSync(file, 'contexts: {}');
    await expect(place()).rejects.toMatchObject({ exitCode: 4, message: expect.stringContaining('cannot be read') });
  });

  it('takes no token that none can be, and does not show it', () => {
    const client = (token: string) => clientAt({ options: { url: lab.url, token } }, terminal(), new Given({}));
    expect(() => client(' pvt_1 \n')).not.toThrow();
    for (const token of ['pvt 1', 'pvt\n1', 'pvt_ü']) {
      expect(() => client(token)).toThrow(UsageError);
      expect(() => client(token)).not.toThrow(/pvt/);
    }
  });
});
