import { describe, expect, it } from '@jest/globals';
import { Secrets } from './secrets.ts';

const userData = '#cloud-config\npassword: TopSecret-case\nchpasswd: { expire: false }\n# ' + 'é'.repeat(55_000);
const encoded = Buffer.from(userData).toString('base64');
const body = { spec: { name: 'web-1', resources: { guest_customization: { cloud_init: { user_data: encoded } } } } };

/** What a text still gives away to somebody who decodes what looks like base64 in it. */
const readable = (text: string): string =>
  [text, ...(text.match(/[A-Za-z0-9+/]{8,}/g) ?? []).map((part) => Buffer.from(part, 'base64').toString())].join('\n');

describe('secrets', () => {
  const secrets = new Secrets();
  secrets.learn(body);

  it.each([
    ['whole', `user_data: '${encoded}' is too long`],
    ['cut at the end', `user_data: '${encoded.slice(0, 5_000)}`],
    ['from the middle', `…${encoded.slice(7, 900)}… is too long`],
    ['as the guest gets it', `cannot parse: ${userData}`],
    ['as JSON', `Invalid spec ${JSON.stringify(body)} and ${JSON.stringify(userData)}`],
    ['by one line', 'line 2: password: TopSecret-case'],
    ['twice', `${encoded.slice(0, 40)} is not ${encoded.slice(0, 60)}`],
  ])('are in no text that quotes them %s', (_how, text) => {
    const clean = secrets.clean(text);
    expect(readable(clean)).not.toMatch(/TopSecret|chpasswd|cloud-config\n/);
    expect(clean.length).toBeLessThanOrEqual(300);
    expect(clean).toContain('[…]');
  });

  it('are found by any nine of their characters', () => {
    const text = Array.from({ length: 400 }, (_, index) => `key${index}: ${(index * 7_919) % 10_007}`).join('\n');
    const all = new Secrets();
    all.learn({ user_data: text });
    for (let at = 0; at + 60 < text.length; at += 17) {
      const quoted = text.slice(at, at + 9 + (at % 50));
      expect(all.clean(`<${quoted}>`)).toBe('<[…]>');
    }
  });

  it('leave everything else as it was', () => {
    const text = 'VM web-1 (aaaaaaaa-0001-4000-8000-000000000001) must be powered off to change memory_size_mib';
    expect(secrets.clean(text)).toBe(text);
  });

  it('are passwords wherever they stand', () => {
    const all = new Secrets();
    all.learn({
      a: [{ credentials: { username: 'somebody-1', deep: { x: 'hunter2hunter2' } } }, { vtpm_secret: 'abcdefghi' }],
    });
    expect(all.clean('hunter2hunter2, abcdefghi')).toBe('[…], […]');
  });

  it('are forgotten some day, and not the latest first', () => {
    const all = new Secrets();
    for (let index = 0; index < 100; index += 1) all.learn({ password: `a password ${index} of many` });
    expect(all.clean('a password 99 of many')).toBe('[…]');
  });

  it('cost no more for being long', () => {
    const all = new Secrets();
    for (let index = 0; index < 40; index += 1) all.learn({ user_data: `${index} ${userData}` });
    expect(all.clean('x '.repeat(100_000)).length).toBe(300);
  });
});
