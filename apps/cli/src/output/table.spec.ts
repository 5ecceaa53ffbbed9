import { describe, expect, it } from '@jest/globals';
import stringWidth from 'string-width';
import { clip, renderTable } from './table.ts';

const bold = (text: string) => `\x1b[1m${text}\x1b[22m`;

describe('a line in a narrow terminal', () => {
  it.each([
    ['web-1  running', 5, 'web-1'],
    ['web-1', 80, 'web-1'],
    ['東京-1', 4, '東京'],
    ['東京-1', 5, '東京-'],
    // Half a letter is none.
    ['東京', 3, '東'],
    ['👩‍💻 desk', 2, '👩‍💻'],
    ['👩‍💻 desk', 1, ''],
    ['e\u0301te\u0301', 2, 'e\u0301t'],
  ])('of %j has in %d columns %j', (line, columns, expected) => {
    expect(clip(line, columns)).toBe(expected);
  });

  it('is bold to its end and no further', () => {
    expect(clip(bold('NAME  STATE'), 4)).toBe(bold('NAME'));
    expect(clip(`${bold('NAME')}  東京`, 7)).toBe(`${bold('NAME')}  `);
  });

  it('is never wider than that', () => {
    const items = [{ name: '東京 👩‍💻 Ærø' }, { name: 'plain' }];
    const columns = [{ header: 'NAME', value: ({ name }: (typeof items)[number]) => name }];
    for (const line of renderTable(columns, items, { bold: true }))
      for (let room = 0; room < 30; room++) {
        // eslint-disable-next-line no-control-regex
        expect(stringWidth(clip(line, room).replace(/\x1b\[\d+m/g, ''))).toBeLessThanOrEqual(room);
      }
  });
});
