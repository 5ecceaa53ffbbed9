import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { commands } from '../registry.ts';

type JsonSchema = { type?: string; properties?: Record<string, JsonSchema>; items?: JsonSchema };

/** Every list of every command, by verb and field. */
const lists = commands.flatMap(({ verb, input }) => {
  const { properties = {} } = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return Object.entries(properties)
    .filter(([, { type }]) => type === 'array')
    .map(([field]) => `${verb} ${field}`);
});

const mac = '52:54:00:00:00:0a';
const nic = { network: 'default', mac };
const fixed = { network: 'default', address: '10.0.0.5' };
const doubleNics: [items: unknown[], pointer: string][] = [
  [[nic, { network: 'other', mac: mac.toUpperCase() }], 'nics/1/mac'],
  [[fixed, nic, fixed], 'nics/2/address'],
  [
    [
      { network: 'a', address: 'fd00::5' },
      { network: 'a', address: 'fd00:0::5' },
    ],
    'nics/1/address',
  ],
];
/** What is one thing twice in a list, and where the second stands. */
const doubles: Record<string, [items: unknown[], pointer: string][]> = {
  'vm.create nics': doubleNics,
  'vm.clone nics': doubleNics,
  'vm.reconfigure bootOrder': [[['disk', 'cdrom', 'disk'], 'bootOrder/2']],
};
/** Lists in which the same twice are two. */
const free: Record<string, string> = { 'vm.create disks': 'two blank disks of one size are two disks' };

describe('lists of a command', () => {
  it('are all known here, so that none is forgotten', () => {
    expect(lists.toSorted()).toEqual([...Object.keys(doubles), ...Object.keys(free)].toSorted());
  });

  const cases = Object.entries(doubles).flatMap(([list, each]) =>
    each.map(([items, pointer]) => [list, pointer, items] as const),
  );
  it.each(cases)('%s: the same twice is refused at %s', (list, pointer, items) => {
    const [verb, field] = list.split(' ') as [string, string];
    const { input } = commands.find((command) => command.verb === verb)!;
    const body = { ...(verb !== 'vm.reconfigure' && { name: 'new' }), [field]: items };
    const { error } = (input as z.ZodType).safeParse(body);
    expect(error?.issues.map(({ path }) => path.join('/'))).toEqual([pointer]);
    const once = { ...body, [field]: items.slice(0, 1) };
    expect((input as z.ZodType).safeParse(once).success).toBe(true);
  });

  it('gives MAC addresses in lower case, whatever they were sent in', () => {
    const { input } = commands.find(({ verb }) => verb === 'vm.create')!;
    const body = { name: 'new', nics: [{ network: 'default', mac: '52:54:00:AB:CD:EF' }] };
    expect((input as z.ZodType).parse(body)).toMatchObject({ nics: [{ mac: '52:54:00:ab:cd:ef' }] });
    const schema = JSON.stringify(z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }));
    expect(schema).toContain('[0-9A-Fa-f]{2}');
  });
});
