import { expect, it } from '@jest/globals';
import { replaceEqualDeep } from '@tanstack/react-query';
import type { Host } from './client.ts';
import { withoutBeats } from './hosts-heard.ts';

const host = (id: string, state: Host['state'], lastSeenAt: string) => ({ id, state, lastSeenAt }) as Host;

it('takes a host that has only been heard again for the same, and says since when one is silent', () => {
  const before = withoutBeats([host('a', 'ready', '08:00'), host('b', 'offline', '07:00'), host('c', 'ready', '08:00')]);
  const after = withoutBeats([host('a', 'ready', '08:05'), host('b', 'offline', '07:00'), host('c', 'draining', '08:05')]);
  const kept = replaceEqualDeep(before, after);
  expect(kept.map((one, index) => one === before[index])).toEqual([true, true, false]);
  expect(kept[1]!.lastSeenAt).toBe('07:00');
});
