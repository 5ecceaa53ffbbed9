import { describe, expect, it } from '@jest/globals';
import { CallTimeoutError, ConnectionLostError, ErrorCode, LibvirtError } from '@polyvirt/node-libvirt';
import { LastTold } from './last-told.ts';

const refusal = (code: number) =>
  new LibvirtError({ code, domain: 0, level: 2, message: 'not now' } as never, 'networkGetXmlDesc');
const timeout = new CallTimeoutError('networkGetXmlDesc', 1, true);
const lost = new ConnectionLostError('lost', { sent: true });

describe('LastTold', () => {
  it.each([
    ['refused for whatever reason', refusal(ErrorCode.INTERNAL_ERROR)],
    ['not answered in time', timeout],
  ])('stays with its last answer when the question is %s', async (_, error) => {
    const told = new LastTold<string>();
    expect(await told.of('a', Promise.reject(error))).toBeUndefined();
    expect(await told.of('a', Promise.resolve('first'))).toBe('first');
    expect(await told.of('a', Promise.reject(error))).toBe('first');
    expect(await told.of('b', Promise.reject(error))).toBeUndefined();
  });

  it('forgets what is not there, and what nobody asks about any more', async () => {
    const told = new LastTold<string>();
    const broken = () => Promise.reject(refusal(ErrorCode.INTERNAL_ERROR));
    for (const key of ['a', 'b', 'c']) await told.of(key, Promise.resolve(key));
    expect(await told.of('a', Promise.reject(refusal(ErrorCode.NO_NETWORK)))).toBeUndefined();
    told.keep(new Set(['a', 'b']));
    expect(await Promise.all(['a', 'b', 'c'].map((key) => told.of(key, broken())))).toEqual([
      undefined,
      'b',
      undefined,
    ]);
  });

  it('takes neither a lost connection nor a fault of ours for an answer', async () => {
    const told = new LastTold<string>();
    await told.of('a', Promise.resolve('first'));
    await expect(told.of('a', Promise.reject(lost))).rejects.toBe(lost);
    await expect(told.of('a', Promise.reject(new TypeError('bug')))).rejects.toThrow('bug');
  });
});
