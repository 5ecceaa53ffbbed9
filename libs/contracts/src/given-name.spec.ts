import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import * as contracts from './index.ts';

/** Where in a schema the names are that somebody gives to something. By those of a filter something is found that is there. */
function namesIn(schema: unknown, path: string): [string, z.ZodType][] {
  if (!(schema instanceof z.ZodType)) return [];
  const { def } = schema as unknown as {
    def: { shape?: Record<string, unknown>; innerType?: unknown; element?: unknown; in?: unknown; options?: unknown[] };
  };
  const inside = [def.innerType, def.element, def.in, ...(def.options ?? [])].flatMap((part) => namesIn(part, path));
  const fields = Object.entries(def.shape ?? {}).flatMap(([field, part]) =>
    field === 'filter'
      ? []
      : /^(?:name|username)$/.test(field) && part instanceof z.ZodType
        ? [[`${path}.${field}`, part] as [string, z.ZodType]]
        : namesIn(part, `${path}.${field}`),
  );
  return [...inside, ...fields];
}

/** Everything that can be sent to the gateway. A log-in names somebody who is there. */
const inputs = [
  ...Object.entries(contracts).filter(([name]) => /Input$/.test(name) && name !== 'LoginInput'),
  ...contracts.commands.map(({ verb, body }) => [verb, body] as const),
];
const given = inputs.flatMap(([name, schema]) => namesIn(schema, name));

describe('a name that somebody gives', () => {
  it('is known to this test', () => {
    expect(given.map(([path]) => path)).toEqual(
      expect.arrayContaining([
        ...['CreateTokenInput.name', 'CreateUserInput.username', 'CreateSubscriberInput.name'],
        ...['EditMeInput.preferences.views.name', 'vm.create.name', 'vm.clone.name', 'vm.snapshot-create.name'],
      ]),
    );
  });

  it.each(given)('%s holds nothing that is not seen', (_, schema) => {
    expect(schema.safeParse('web-1').success).toBe(true);
    for (const code of [0x00, 0x0a, 0x1b, 0x85, 0xad, 0x200b, 0x200f, 0x202e, 0x2028, 0x2066, 0xfeff, 0xe0041, 0xd800])
      expect([code.toString(16), schema.safeParse(`web${String.fromCodePoint(code)}1`).success]).toEqual([
        code.toString(16),
        false,
      ]);
  });
});
