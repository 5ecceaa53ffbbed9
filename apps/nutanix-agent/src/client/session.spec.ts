import { describe, expect, it } from '@jest/globals';
import { cookieOf, Session } from './session.ts';

const signal = new AbortController().signal;

describe('a session', () => {
  it('logs in once for calls that come together, and anew for a cookie that was refused', async () => {
    let logins = 0;
    const session = new Session(async () => `c=${(logins += 1)}`);
    expect(await Promise.all([session.cookie(signal), session.cookie(signal)])).toEqual(['c=1', 'c=1']);
    session.refused('c=1');
    expect(await session.cookie(signal)).toBe('c=2');
    // Somebody who was late in hearing of it.
    session.refused('c=1');
    expect(await session.cookie(signal)).toBe('c=2');
  });

  it('tries again when the log-in has failed', async () => {
    let fails = true;
    const session = new Session(async () => {
      if (fails) throw new Error('no');
      return 'c=1';
    });
    await expect(session.cookie(signal)).rejects.toThrow('no');
    fails = false;
    expect(await session.cookie(signal)).toBe('c=1');
  });

  it('goes on for the others when whoever logged in was cancelled', async () => {
    const end = new AbortController();
    let logins = 0;
    const session = new Session(async (of) => {
      logins += 1;
      await new Promise((resolve) => setImmediate(resolve));
      of.throwIfAborted();
      return 'c=1';
    });
    const first = session.cookie(end.signal);
    const second = session.cookie(signal);
    end.abort(new Error('cancelled'));
    await expect(first).rejects.toThrow('cancelled');
    expect(await second).toBe('c=1');
    expect(logins).toBe(2);
  });

  it('shows names and values of cookies only', () => {
    expect(
      cookieOf(['NTNX_IGW_SESSION=a.b; Path=/; Secure; HttpOnly', 'NTNX_IAM_SESSION=c; Expires=Thu, 01 Jan 2026']),
    ).toBe('NTNX_IGW_SESSION=a.b; NTNX_IAM_SESSION=c');
    expect(cookieOf(undefined)).toBe('');
  });
});
