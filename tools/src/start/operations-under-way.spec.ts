import { expect, it } from '@jest/globals';
import { sentenceAbout } from './operations-under-way.ts';

it('what becomes of operations is said in numbers', () => {
  const rest = 'agents wait up to 20 s for them, and what has not ended by then continues at the next start';
  expect(sentenceAbout(1)).toBe(`1 operation is running: ${rest}`);
  expect(sentenceAbout(3)).toBe(`3 operations are running: ${rest}`);
});
