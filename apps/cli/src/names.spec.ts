import { describe, expect, it } from '@jest/globals';
import type { Client } from '@polyvirt/api-client';
import { splitValues } from '@polyvirt/contracts';
import { Exit } from './declaration.ts';
import { findVms, portionsOf } from './names.ts';

interface Query {
  readonly name?: readonly string[];
  readonly q?: string;
}

/** A gateway with VMs of these names; of each `host:name`. Answers by whole names, or by a part of one, as ours does. */
function gateway(...vms: string[]) {
  const asked: Query[] = [];
  const records = vms.map((text, index) => {
    const [host, name] = [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)];
    return { id: `${host}~${index}`, host, name };
  });
  const GET = (_: string, { params: { query } }: { params: { query: Query } }) => {
    asked.push(query);
    const items = records.filter(({ name }) =>
      query.name
        ? query.name.flatMap((value) => splitValues(value)).includes(name)
        : name.toLowerCase().includes(query.q!.toLowerCase()),
    );
    return Promise.resolve({ data: { items } });
  };
  return { asked, client: { url: 'http://gateway', GET } as unknown as Client };
}

const ids = async (vms: string[], ...named: string[]) =>
  (await findVms(gateway(...vms).client, named)).map(({ id }) => id);

describe('the VM that is meant', () => {
  it.each([
    'web-1',
    'web 1',
    'a,b',
    'a\\b',
    'a\\,b\\',
    'lab/web',
    '-rf',
    '--yes',
    'a~b c',
    '東京 👩‍💻',
    '*',
    '$(reboot)',
    'name=x',
    'it\'s "so"',
  ])('has the name %j, whatever that looks like', async (name) => {
    expect(await ids([`a:${name}`, 'b:other'], name)).toEqual(['a~0']);
    expect(await ids([`a:${name}`, `b:${name}`], `b/${name}`)).toEqual(['b~1']);
  });

  it('has an id, which is asked for as it is', async () => {
    const { asked, client } = gateway();
    expect(await findVms(client, ['kvm-local~4b2c_-x'])).toEqual([
      { id: 'kvm-local~4b2c_-x', name: 'kvm-local~4b2c_-x' },
    ]);
    expect(asked).toEqual([]);
  });

  it('has one that was typed with other accents', async () => {
    const [composed, decomposed] = ['é'.normalize('NFC'), 'é'.normalize('NFD')];
    expect(composed).not.toBe(decomposed);
    expect(await ids([`a:caf${composed}`], `caf${decomposed}`)).toEqual(['a~0']);
    expect(await ids([`a:caf${decomposed}`], `caf${composed}`)).toEqual(['a~0']);
  });

  it('is asked for once, in the order in which it was named', async () => {
    expect(await ids(['a:x', 'a:y'], 'y', 'x', 'y')).toEqual(['a~1', 'a~0']);
  });

  it('is one of several: those are named with their ids', async () => {
    const failed = await findVms(gateway('a:twin', 'b:twin').client, ['twin']).catch((error: unknown) => error);
    expect(failed).toMatchObject({ exitCode: 5, message: expect.stringContaining('a/twin  a~0\n  b/twin  b~1') });
    // The slash of one is the host of another.
    const both = await findVms(gateway('a:b/c', 'b:c').client, ['b/c']).catch((error: unknown) => error);
    expect(both).toMatchObject({ exitCode: 5, message: expect.stringContaining('a/b/c  a~0\n  b/c  b~1') });
  });

  it('is none: those are named that look alike', async () => {
    const failed = await findVms(gateway('a:Web-1').client, ['web-1']).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Exit);
    expect(failed).toMatchObject({ exitCode: 3, message: expect.stringContaining('no VM "web-1". Alike: "Web-1".') });
    for (const name of ['nothing', 'a/', '/', '/x'])
      await expect(findVms(gateway('a:web').client, [name])).rejects.toMatchObject({ exitCode: 3 });
  });

  it('is one of many, for which it takes few requests that are not too long', async () => {
    const names = Array.from({ length: 200 }, (_, n) => `${'長'.repeat(60)}-${n}`);
    const { asked, client } = gateway(...names.map((name) => `a:${name}`));
    expect(await findVms(client, names)).toHaveLength(200);
    for (const { name } of asked) expect(encodeURIComponent(name!.join()).length).toBeLessThan(8_000);
  });
});

describe('portions', () => {
  it('hold every text once, as many as there is room for', () => {
    const texts = Array.from({ length: 10 }, (_, n) => 'x'.repeat(n * 1_000));
    const portions = portionsOf(texts, 3);
    expect(portions.flat()).toEqual(texts);
    for (const portion of portions) expect(portion.length).toBeLessThanOrEqual(3);
    expect(portionsOf([], 3)).toEqual([]);
  });
});
