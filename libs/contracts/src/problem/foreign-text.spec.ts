import { describe, expect, it } from '@jest/globals';
import { cutText, foreignText } from './foreign-text.ts';

const password = 'correct-horse-battery-staple';
const userData = `#cloud-config\npassword: ${password}\nruncmd:\n - "echo \\"${password}\\""\n${'# padding\n'.repeat(10_000)}`;

describe('foreign text', () => {
  it('is cut, and has no control character', () => {
    const text = foreignText(`\u001b[31mit\u0000 failed\n${'x'.repeat(100_000)}`);
    expect(text.length).toBeLessThanOrEqual(300);
    expect(text).toMatch(/^\[31mit failed x+…$/);
    expect(foreignText('short')).toBe('short');
  });

  it('cannot be made to read backwards', () => {
    expect(foreignText('evil\u202egpj.exe \u2066x\u2069')).toBe('evil gpj.exe x');
  });

  it.each([
    ['whole', userData],
    ['as JSON', JSON.stringify({ spec: { user_data: userData } })],
    ['as JSON in JSON', JSON.stringify({ message: `password: ${password}` })],
    ['in base64', Buffer.from(userData).toString('base64')],
    ['cut off', userData.slice(0, 60)],
    ['cut off, in base64', Buffer.from(userData).toString('base64').slice(0, 70)],
    ['by a line', `yaml: line 2: bad "password: ${password}"`],
    ['by an indented line', `line 4:    - "echo \\"${password}\\""`],
  ])('never quotes the request: %s', (_, quoted) => {
    const text = foreignText(`The spec is wrong: ${quoted}`, { without: [{ cloudInit: { userData } }] });
    expect(text).toContain('[…]');
    expect(text).not.toContain(password);
    expect(text).not.toContain(Buffer.from(password).toString('base64').slice(0, 20));
  });

  it('keeps what the request did not say, and short values that say nothing', () => {
    expect(foreignText('The VM web-1 has no disk vda.', { without: ['web-1', 'vda', 1, null] })).toBe(
      'The VM web-1 has no disk vda.',
    );
  });

  it('is cut by characters and not in the middle of one', () => {
    expect(cutText('🚀'.repeat(10), 4)).toBe('🚀🚀🚀…');
    expect(cutText('abcd', 4)).toBe('abcd');
  });

  it.each(['#cloud-config', '\uFEFF#cloud-config', '## template: jinja', '#include-once'])(
    'keeps the header %j of user data, which is no secret and stands in sentences of ours',
    (header) => {
      const userData = `${header}\npassword: TopSecret-case`;
      const named = header.replace('\uFEFF', '');
      expect(foreignText(`Its first line has to be ${named}: password: TopSecret-case`, { without: [userData] })).toBe(
        `Its first line has to be ${named}: […]`,
      );
    },
  );
});
