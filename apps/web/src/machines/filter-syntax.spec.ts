import { describe, expect, it } from '@jest/globals';
import { filterOf, parseFilter, withPart, writeFilter } from './filter-syntax.ts';

describe('a typed filter', () => {
  it.each([
    ['', []],
    ['   ', []],
    ['web', [{ key: 'q', value: 'web' }]],
    [
      'state:running web',
      [
        { key: 'state', value: 'running' },
        { key: 'q', value: 'web' },
      ],
    ],
    ['STATE:running', [{ key: 'state', value: 'running' }]],
    ['label:env=test', [{ key: 'label', value: 'env=test' }]],
    ['name:"my machine"', [{ key: 'name', value: 'my machine' }]],
    ['"state:running"', [{ key: 'q', value: 'state:running' }]],
    ['52:54:00:01', [{ key: 'q', value: '52:54:00:01' }]],
    ['state:', []],
    ['"unclosed quote', [{ key: 'q', value: 'unclosed quote' }]],
  ])('%j', (text, parts) => {
    expect(parseFilter(text)).toEqual(parts);
    expect(parseFilter(writeFilter(parseFilter(text)))).toEqual(parts);
  });

  it('becomes what the API takes', () => {
    expect(filterOf(parseFilter('web one state:running state:paused host:kvm-a'))).toEqual({
      q: 'web one',
      state: 'paused',
      host: 'kvm-a',
    });
  });

  it('has one of its keys replaced or taken out', () => {
    const parts = parseFilter('state:running web');
    expect(writeFilter(withPart(parts, 'state', 'stopped'))).toBe('web state:stopped');
    expect(writeFilter(withPart(parts, 'state', undefined))).toBe('web');
  });
});
