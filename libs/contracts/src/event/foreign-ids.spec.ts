import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { HostId, VmId } from '../ids.ts';
import { Heartbeat } from '../host/host.ts';
import { events, queries } from '../registry.ts';
import { MetricsBatch, MinuteRollup } from '../vm/metrics.ts';
import type { CloudEvent } from './cloud-event.ts';
import { foreignIdIn, foreignIdOf } from './foreign-ids.ts';

const id = '0193d5a0-0000-7000-8000-000000000001';
const event = (type: string, data: unknown, change: Partial<CloudEvent> = {}): CloudEvent => ({
  ...{ specversion: '1.0', id, source: '/hosts/a/agent', type, subject: id, time: '2026-11-30T00:00:00Z' },
  ...{ datacontenttype: 'application/json' as const, data },
  ...change,
});

describe('an event is believed', () => {
  it('of its own host', () => {
    for (const subject of [id, 'a', 'a~vm-1'])
      expect(foreignIdIn(event('host.draining', { host: 'a', incarnation: id }, { subject }), 'a')).toBeUndefined();
    expect(foreignIdIn(event('operation.started', {}, { source: '/gateway' }), '_')).toBeUndefined();
  });

  it.each([
    [{ source: '/hosts/b/agent' }, 'its source is /hosts/b/agent'],
    [{ source: '/hosts/a' }, 'its source is /hosts/a'],
    [{ source: '/gateway' }, 'its source is /gateway'],
    [{ subject: 'b' }, 'its subject is b'],
    [{ subject: 'b~vm-1' }, 'its subject is b~vm-1'],
    [{ subject: 'a-b~vm-1' }, 'its subject is a-b~vm-1'],
  ])('unless it says %j', (change, reason) => {
    expect(foreignIdIn(event('host.draining', { host: 'a' }, change), 'a')).toBe(reason);
  });

  it('not when it stands for several hosts and is not of a gateway', () => {
    expect(foreignIdIn(event('operation.started', {}, { source: '/hosts/_/agent' }), '_')).toContain('source');
  });
});

/** A value that has the ids of a host wherever the schema has ids. */
function exampleOf(schema: z.ZodType, idOf: { host: string; vm: string }): unknown {
  // Also with a description of its own.
  for (let known: unknown = schema; known; known = (known as z.ZodType)._zod.parent) {
    if (known === HostId) return idOf.host;
    if (known === VmId) return idOf.vm;
  }
  if (schema instanceof z.ZodObject)
    return Object.fromEntries(
      Object.entries(schema.shape).map(([key, part]) => [key, exampleOf(part as z.ZodType, idOf)]),
    );
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    return exampleOf(schema.unwrap() as z.ZodType, idOf);
  if (schema instanceof z.ZodArray) return [exampleOf(schema.element as z.ZodType, idOf)];
  return undefined;
}

const idsIn = (value: unknown, path = ''): string[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, part]) => idsIn(part, `${path}/${key}`))
    : value === undefined
      ? []
      : [path];

/** The value with another host at one of its ids. */
function foreignAt(own: unknown, path: string): unknown {
  const data = structuredClone(own) as Record<string, unknown>;
  const keys = path.slice(1).split('/');
  const last = keys.pop()!;
  const parent = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, data);
  parent[last] = parent[last] === 'a' ? 'b' : 'b~1';
  return data;
}

describe.each(events.map(({ name, body }) => [name, body as z.ZodType] as const))('%s', (name, body) => {
  const own = exampleOf(body, { host: 'a', vm: 'a~1' });

  it('is believed with the ids of its host', () => {
    expect(foreignIdIn(event(name, own), 'a')).toBeUndefined();
  });

  it('is not believed with another host at any id', () => {
    for (const path of idsIn(own))
      expect([path, foreignIdIn(event(name, foreignAt(own, path)), 'a')]).toEqual([
        path,
        expect.stringContaining('is b'),
      ]);
  });
});

describe('whatever else a host says', () => {
  const said: [string, z.ZodType][] = [
    ...queries.map(({ name, output }): [string, z.ZodType] => [`answer to ${name}`, output]),
    ...Object.entries({ MetricsBatch, MinuteRollup, Heartbeat }),
    ['described', z.object({ vm: VmId.describe('Of its own.'), hosts: z.array(HostId.describe('Too.')) })],
  ];

  it.each(said)('is not believed with another host at any id: %s', (_, schema) => {
    const own = exampleOf(schema, { host: 'a', vm: 'a~1' });
    expect(foreignIdOf(schema, own, 'a')).toBeUndefined();
    for (const path of own === undefined ? [] : idsIn(own))
      expect([path, foreignIdOf(schema, foreignAt(own, path), 'a')]).toEqual([path, expect.stringContaining('is b')]);
  });

  it('has ids here and there', () => {
    const withIds = said.filter(([, schema]) => idsIn(exampleOf(schema, { host: 'a', vm: 'a~1' }) ?? {}).length > 0);
    expect(withIds.map(([name]) => name)).toEqual(
      expect.arrayContaining(['answer to vm-get', 'MetricsBatch', 'MinuteRollup', 'Heartbeat', 'described']),
    );
  });
});
