import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { DiscoveryService, MetadataScanner, ModulesContainer } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { readConfig } from '@polyvirt/config';
import { ProblemError, severalOf } from '@polyvirt/contracts';
import { z } from 'zod';
import { gatewayConfig } from '../config.ts';
import { createGateway } from '../gateway.ts';
import { parseInput, type Part } from './faults.ts';

/** What nobody means, for any field. */
const nonsense: readonly unknown[] = [
  ...[null, true, '', 'x', '\0', 'x'.repeat(20_000), '~', 'a,b', -1, 0, 1.5, 1e9, Number.NaN, [], ['x'], [null], {}],
  ...[{ x: 1 }, [{}], [{ x: 1 }], [1, 1], Array(100).fill('a'), Array(2_000).fill({}), 'https://x', '2026-13-01'],
];

/** Words of the validator and of nobody who talks to a person. */
const notOurs = /\b(?:expected|received|invalid|undefined|NaN|Infinity|array|string|boolean|Too (?:big|small)|enum)\b/i;
const sentence = /^[A-Z`"].*[.!?]$/s;

const faultsOf = (schema: z.ZodType, value: unknown, part: Part = 'body', above: PropertyKey[] = []) => {
  try {
    parseInput(schema, value, part, above);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(ProblemError);
    const { message, extras } = error as ProblemError;
    return { message, errors: extras.errors! };
  }
};

describe('faults of what a route takes', () => {
  let app: NestFastifyApplication;
  let inputs: { where: string; part: Part; schema: z.ZodType; data?: string }[];
  beforeAll(async () => {
    const config = readConfig(gatewayConfig, { POLYVIRT_JWT_SECRET: 'unused'.repeat(8), POLYVIRT_LOG_LEVEL: 'silent' });
    app = await createGateway(config, { preview: true });
    await app.init();
    const kinds: Record<string, Part> = {
      [RouteParamtypes.BODY]: 'body',
      [RouteParamtypes.QUERY]: 'query',
      [RouteParamtypes.PARAM]: 'param',
    };
    const discovery = new DiscoveryService(app.get(ModulesContainer, { strict: false }));
    const scanner = new MetadataScanner();
    inputs = discovery.getControllers().flatMap(({ metatype }) =>
      scanner.getAllMethodNames((metatype as { prototype: object }).prototype).flatMap((name) => {
        const found = (Reflect.getMetadata(ROUTE_ARGS_METADATA, metatype!, name) ?? {}) as Record<
          string,
          { schema?: z.ZodType; data?: string }
        >;
        return Object.entries(found).flatMap(([place, { schema, data }]) => {
          const part = kinds[place.split(':')[0]!];
          if (part === undefined || schema === undefined) return [];
          return [{ where: `${metatype!.name}.${name}`, part, schema, ...(data !== undefined && { data }) }];
        });
      }),
    );
  });
  afterAll(() => app.close());

  it('are sentences of ours at the right place, for whatever is given to any field of any route', () => {
    expect(inputs.length).toBeGreaterThan(40);
    const seen = new Set<z.ZodType>();
    let count = 0;
    const bad: unknown[] = [];
    for (const { where, part, schema, data } of inputs) {
      if (seen.has(schema)) continue;
      seen.add(schema);
      const fields = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
      const values = [
        ...nonsense,
        ...fields.flatMap((field) => nonsense.map((value) => ({ [field]: value }))),
        { 'no such field': 1 },
      ];
      for (const value of values) {
        const faults = faultsOf(schema, value, part, data === undefined ? [] : [data]);
        if (!faults) continue;
        for (const { pointer, detail } of faults.errors) {
          count++;
          const place = part === 'body' ? /^(?:\/|$)/ : /^[\w -]*$/;
          if (!sentence.test(detail) || notOurs.test(detail) || !place.test(pointer))
            bad.push([where, pointer, detail]);
        }
        if (!/^The (?:body|query|path) is not valid\. .*\.$/s.test(faults.message)) bad.push([where, faults.message]);
      }
    }
    expect(bad).toEqual([]);
    expect(count).toBeGreaterThan(1_000);
  });

  it.each<[string, z.ZodType, unknown, string, string?]>([
    ['a number', z.object({ n: z.coerce.number().int() }), { n: 'abc' }, 'It must be a number.'],
    ['a whole number', z.object({ n: z.int() }), { n: 1.5 }, 'It must be a whole number.'],
    ['text', z.object({ n: z.string() }), { n: 7 }, 'It must be text, not a number.'],
    ['a range', z.object({ n: z.int().max(65_536) }), { n: 70_000 }, 'It must be at most 65,536.'],
    ['a yes or no', z.object({ n: z.stringbool() }), { n: 'perhaps' }, 'It must be true or false.'],
    ['a choice', z.object({ n: z.enum(['a', 'b', 'c']) }), { n: 'd' }, 'It must be one of a, b or c.'],
    [
      'one of several',
      z.object({ n: severalOf(z.enum(['a', 'b'])) }),
      { n: ['d'] },
      'It must be one of a or b.',
      '/n/0',
    ],
    ['what is missing', z.object({ n: z.string() }), {}, 'This is required.'],
    ['something', z.object({ n: z.string().min(1) }), { n: '' }, 'It must not be empty.'],
    ['enough', z.object({ n: z.array(z.int()).min(1) }), { n: [] }, 'It must have at least 1 item.'],
    [
      'a choice of kinds',
      z.object({ n: z.union([z.literal('auto'), z.ipv4(), z.ipv6()]) }),
      { n: '1.2.3' },
      'It must be auto, an IPv4 address or an IPv6 address.',
    ],
  ])('say that %s is wanted', (_, schema, value, detail, pointer = '/n') => {
    expect(faultsOf(schema, value)).toEqual({
      message: `The body is not valid. ${pointer}: ${detail}`,
      errors: [{ pointer, detail }],
    });
  });

  it('end each sentence before they say how many more there are', () => {
    const schema = z.object({ a: z.string().regex(/^a$/, 'An a'), b: z.int() });
    expect(faultsOf(schema, { a: 'b', b: 'b' })?.message).toBe('The body is not valid. /a: An a. And 1 more.');
  });

  it('take several values from a text, and a comma of a value from behind a backslash', () => {
    const values = severalOf(z.string().min(1));
    expect(parseInput(values, 'a,b', 'query')).toEqual(['a', 'b']);
    expect(parseInput(values, 'a\\,b,"c"', 'query')).toEqual(['a,b', '"c"']);
    expect(parseInput(values, ['a,b'], 'body')).toEqual(['a,b']);
    expect(faultsOf(values, 'a,')).toBeDefined();
  });
});
