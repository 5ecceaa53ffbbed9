import { describe, expect, it } from '@jest/globals';
import { isKnownUserData, requireUserData, userDataNotes } from './user-data.ts';
import { CloudInit } from './vm-create.ts';

describe('user data', () => {
  it.each([
    '#cloud-config\nhostname: a\n',
    '#cloud-config\r\nhostname: a\r\n',
    '\n#cloud-config\n',
    '#Cloud-Config\n',
    '#!/bin/sh\necho\n',
    '#include\nhttp://x/\n',
    '#include-once\nhttp://x/\n',
    '#cloud-boothook\n',
    '#cloud-config-archive\n- x\n',
    '#part-handler\n',
    '## template: jinja\n#cloud-config\n',
    'Content-Type: multipart/mixed; boundary="=="\r\nMIME-Version: 1.0\r\n\r\n--==\r\n',
    'From: x\nMIME-Version: 1.0\n\n',
  ])('knows %j', (text) => {
    expect(isKnownUserData(text)).toBe(true);
    expect(userDataNotes({ userData: text })).toEqual([]);
  });

  it.each([
    'users:\n - x\n',
    '\uFEFF#cloud-config\n',
    'echo hi\n',
    '## template: jinja\nusers: x\n',
    '# cloud-config\n',
    '{}',
  ])('notes that the guest ignores %j, and does not quote it', (userData) => {
    const notes = userDataNotes({ userData });
    expect(notes).toHaveLength(1);
    expect(notes[0]).not.toContain(userData);
  });

  it('is counted in bytes of UTF-8, by us and by the host', () => {
    expect(CloudInit.safeParse({ userData: '€'.repeat(21_845) }).success).toBe(true);
    expect(CloudInit.safeParse({ userData: '€'.repeat(21_846) }).success).toBe(false);
    requireUserData({ userData: 'é'.repeat(500) }, { userDataBytes: 1_000 });
    requireUserData({ userData: 'é'.repeat(501) }, {});
    expect(() => requireUserData({ userData: 'é'.repeat(501) }, { userDataBytes: 1_000 })).toThrow(
      expect.objectContaining({
        code: 'invalid-input',
        message: expect.stringMatching(/1,002 bytes.*1,000/),
        extras: { errors: [expect.objectContaining({ pointer: '/cloudInit/userData' })] },
      }),
    );
  });
});
