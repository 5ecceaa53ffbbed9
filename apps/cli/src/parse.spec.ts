import { describe, expect, it } from '@jest/globals';
import { Given, UsageError } from './declaration.ts';
import { filterOf, queryOf } from './names.ts';
import { pairs, seconds, timeOf } from './parse.ts';

describe('a duration', () => {
  it.each([
    ['90', 90],
    ['90s', 90],
    ['10m', 600],
    ['2h', 7_200],
    ['7d', 604_800],
    ['36525d', 36_525 * 86_400],
  ])('is %s', (text, expected) => {
    expect(seconds('timeout', text)).toBe(expected);
  });

  it.each(['', 'soon', '-1', '1.5h', '1w', '36526d', '999999999999999999999s'])('is never %j', (text) => {
    expect(() => seconds('timeout', text)).toThrow(UsageError);
  });
});

describe('a time', () => {
  const now = Date.parse('2026-11-30T12:00:00Z');
  it.each([
    ['2026-11-30T08:00:00Z', '2026-11-30T08:00:00.000Z'],
    ['2026-11-30T08:00:00.5+01:00', '2026-11-30T07:00:00.500Z'],
    ['2026-11-30 08:00Z', '2026-11-30T08:00:00.000Z'],
    ['90m', '2026-11-30T10:30:00.000Z'],
    ['7d', '2026-11-23T12:00:00.000Z'],
    // Without a zone it is that of the clock here.
    ['2026-11-30', new Date(2026, 10, 30).toISOString()],
    ['2026-07-01 08:30', new Date(2026, 6, 1, 8, 30).toISOString()],
    ['2026-07-01T08:30:15', new Date(2026, 6, 1, 8, 30, 15).toISOString()],
  ])('is %s', (text, expected) => {
    expect(timeOf('from', text, now)).toBe(expected);
  });

  it.each(['', 'yesterday', '90', '08:00', '30/11/2026', '2026-13-01', '2026-11-30T25:00Z', '2026-11-30T08:00Zulu'])(
    'is never %j',
    (text) => {
      expect(() => timeOf('from', text, now)).toThrow(UsageError);
    },
  );
});

describe('what chooses VMs', () => {
  const filter = (...texts: string[]) => filterOf(new Given({ filter: texts }));
  const labels = (...texts: string[]) => filterOf(new Given({ label: texts }));

  it('is nothing where nothing is given', () => {
    expect(filterOf(new Given({}))).toBeUndefined();
  });

  it('has values that are each as they are', () => {
    expect(filter('host=a,b', 'state=running')).toEqual({ host: ['a', 'b'], state: ['running'] });
    expect(filter('host=a', 'host=b')).toEqual({ host: ['a', 'b'] });
    expect(filter('name=a\\,b')).toEqual({ name: ['a,b'] });
    expect(filter('q=a,b')).toEqual({ q: 'a,b' });
    expect(labels('note=a,b\\c', 'team')).toEqual({ label: ['note=a,b\\c', 'team'] });
    expect(filterOf(new Given({ filter: ['label=a,b'], label: ['c'] }))).toEqual({ label: ['a', 'b', 'c'] });
    // In a query a comma would part two values.
    expect(queryOf({ label: ['a,b\\', 'c'], q: 'a,b' })).toEqual({ label: ['a\\,b\\', 'c'], q: 'a,b' });
  });

  it.each([['name='], ['host='], ['q='], ['name'], ['=x'], ['colour=blue']])('is never --filter %j', (text) => {
    expect(() => filter(text)).toThrow(UsageError);
  });

  it('is never an empty label, nor two parts of a name', () => {
    expect(() => labels('')).toThrow(UsageError);
    expect(() => filter('q=a', 'q=b')).toThrow(UsageError);
  });
});

describe('pairs', () => {
  it('have each key once', () => {
    expect(pairs('labels', ['a=1', 'b=', 'c=x=y'])).toEqual({ a: '1', b: '', c: 'x=y' });
    expect(() => pairs('labels', ['a=1', 'a=2'])).toThrow('--labels has "a" twice.');
    expect(() => pairs('labels', ['a'])).toThrow(UsageError);
  });
});
