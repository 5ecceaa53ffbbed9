import { expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { ProblemError } from '@polyvirt/contracts';
import { isMissing } from '../vmx/dictionary-file.ts';
import { orUnreadable, whyUnreadable } from './unreadable.ts';

const failure = (code: string) => Object.assign(new Error(`${code}: something`), { code });

it('says what cannot be read and what would help, whatever the file system answers', () => {
  for (const [code, says] of [
    ['EACCES', /may not read \/vms\/x\.vmx.*same|may not read \/vms\/x\.vmx.*user who owns/],
    ['ELOOP', /leads to itself/],
    ['EIO', /\(EIO\).*disk or the network share/],
    ['ESTALE', /\(ESTALE\).*network share/],
    ['EWHATEVER', /\(EWHATEVER\)/],
  ] as const) {
    expect(isMissing(failure(code))).toBe(false);
    expect(whyUnreadable('/vms/x.vmx', failure(code))).toMatch(says);
  }
  const other = Object.assign(failure('ELOOP'), { path: '/vms/x.vmsd' });
  expect(whyUnreadable('/vms/x.vmx', other)).toMatch(/^\/vms\/x\.vmsd .*leads to itself/);
  expect(whyUnreadable('/vms/x.vmx', new SyntaxError('it is half'))).toBe('/vms/x.vmx cannot be read: it is half.');
  expect(whyUnreadable('/vms/x.vmx', new ProblemError('host-rejected', 'No.'))).toBe('No.');
});

it('takes only that for gone which is known to be', () => {
  for (const code of ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG']) expect(isMissing(failure(code))).toBe(true);
});

it('is what the file system, a parser and a problem say, and no fault of ours', async () => {
  const unreadable = [
    () => readFile('/'),
    () => Promise.reject(new SyntaxError('it is half')),
    () => Promise.reject(new ProblemError('host-rejected', 'No.')),
  ];
  for (const look of unreadable) expect(await orUnreadable(look())).toBeUndefined();
  expect(await orUnreadable(Promise.resolve('read'))).toBe('read');
  for (const fault of [new TypeError('of ours'), new RangeError('of ours'), new Error('of ours')])
    await expect(orUnreadable(Promise.reject(fault))).rejects.toBe(fault);
});
