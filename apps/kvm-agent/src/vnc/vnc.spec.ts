import { createDecipheriv } from 'node:crypto';
import { duplexPair, type Duplex } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { ByteReader } from './byte-reader.ts';
import { answerTo, enterScreen } from './screen.ts';
import { greetViewer } from './viewer.ts';

const NONE = 1;
const PASSWORD = 2;
const VENCRYPT = 19;
const challenge = Buffer.from('0123456789abcdef');

function greetingOf(name: string): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt16BE(640, 0);
  head.writeUInt16BE(480, 2);
  head.writeUInt32BE(Buffer.byteLength(name), 20);
  return Buffer.concat([head, Buffer.from(name)]);
}

const reason = (text: string) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
};

/** A display with one way to log in; answers what the viewer said. */
async function display(
  stream: Duplex,
  { security = [NONE], name = 'QEMU (web)', password }: { security?: number[]; name?: string; password?: string },
): Promise<{ shared: number }> {
  const reader = new ByteReader(stream);
  stream.write('RFB 003.008\n');
  expect(String(await reader.read(12))).toBe('RFB 003.008\n');
  stream.write(Buffer.from([security.length, ...security]));
  if (security.length === 0) {
    stream.write(reason('go away'));
    return { shared: -1 };
  }
  const [chosen] = await reader.read(1);
  if (chosen === PASSWORD) {
    stream.write(challenge);
    const answer = await reader.read(16);
    if (password === undefined || !answer.equals(answerTo(challenge, password))) {
      stream.write(Buffer.concat([Buffer.from([0, 0, 0, 1]), reason('Authentication failed')]));
      return { shared: -1 };
    }
  }
  stream.write(Buffer.alloc(4));
  const [shared = -1] = await reader.read(1);
  stream.write(Buffer.concat([greetingOf(name), Buffer.from('what follows')]));
  reader.release();
  return { shared };
}

describe('entering a screen', () => {
  it('shares it with others, learns its name, and leaves what follows where it is', async () => {
    const [ours, theirs] = duplexPair();
    const shown = display(theirs, { name: 'QEMU (Zoë 🚀)' });
    const screen = await enterScreen(ours, undefined);
    expect(screen.name).toBe('QEMU (Zoë 🚀)');
    expect(screen.greeting).toEqual(greetingOf('QEMU (Zoë 🚀)'));
    expect(await shown).toEqual({ shared: 1 });
    expect(String(await new ByteReader(ours).read(12))).toBe('what follows');
  });

  it('logs in with the password that the definition has', async () => {
    const [ours, theirs] = duplexPair();
    void display(theirs, { security: [PASSWORD, VENCRYPT], password: 's3cret' });
    expect((await enterScreen(ours, 's3cret')).name).toBe('QEMU (web)');
  });

  it.each([
    ['a password that nobody knows', { security: [PASSWORD] }, undefined, /has a password/],
    ['a password that is another one', { security: [PASSWORD], password: 'other' }, 's3cret', /Authentication failed/],
    ['a way to log in that the agent has not', { security: [VENCRYPT] }, 's3cret', /does not know/],
    ['no way in at all', { security: [] }, undefined, /go away/],
  ])('says so when there is %s', async (_, options, password, message) => {
    const [ours, theirs] = duplexPair();
    void display(theirs, options).catch(() => undefined);
    await expect(enterScreen(ours, password)).rejects.toMatchObject({
      code: 'host-rejected',
      message: expect.stringMatching(message),
    });
  });

  it('says so when something else answers, or nothing any more', async () => {
    const [ours, theirs] = duplexPair();
    theirs.write('SSH-2.0-OpenSSH_9.2\r\n');
    await expect(enterScreen(ours, undefined)).rejects.toMatchObject({ code: 'host-rejected' });
    const [again, gone] = duplexPair();
    gone.end();
    await expect(enterScreen(again, undefined)).rejects.toThrow('ended');
  });

  it('says so of a stream that broke off before', async () => {
    const [ours] = duplexPair();
    ours.on('error', () => undefined);
    ours.destroy(new Error('broken off'));
    await expect(enterScreen(ours, undefined)).rejects.toThrow('broken off');
  });

  it('answers a challenge by DES with the mirrored password', () => {
    // "s3cret" and two zero bytes, each byte mirrored.
    const key = Buffer.from('ceccc64ea62e0000', 'hex');
    const decipher = createDecipheriv('des-ede3', Buffer.concat([key, key, key]), null).setAutoPadding(false);
    expect(Buffer.concat([decipher.update(answerTo(challenge, 's3cret')), decipher.final()])).toEqual(challenge);
    expect(answerTo(challenge, 'longer than eight')).toEqual(answerTo(challenge, 'longer t'));
  });
});

describe('a viewer of a screen that is entered already', () => {
  it.each([
    ['003.003', Buffer.from([0, 0, 0, NONE]), Buffer.alloc(0), Buffer.alloc(0)],
    ['003.007', Buffer.from([1, NONE]), Buffer.from([NONE]), Buffer.alloc(0)],
    ['003.008', Buffer.from([1, NONE]), Buffer.from([NONE]), Buffer.alloc(4)],
  ])('of version %s is let in at once', async (version, offer, choice, result) => {
    const [ours, theirs] = duplexPair();
    const greeted = greetViewer(ours, Promise.resolve(greetingOf('QEMU (web)')));
    const reader = new ByteReader(theirs);
    expect(String(await reader.read(12))).toBe('RFB 003.008\n');
    theirs.write(`RFB ${version}\n`);
    expect(await reader.read(offer.length)).toEqual(offer);
    theirs.write(choice);
    expect(await reader.read(result.length)).toEqual(result);
    theirs.write(Buffer.from([0, 42]));
    expect(await reader.read(greetingOf('QEMU (web)').length)).toEqual(greetingOf('QEMU (web)'));
    await greeted;
    expect([...(await new ByteReader(ours).read(1))]).toEqual([42]);
  });

  it('that does not speak RFB is told nothing', async () => {
    const [ours, theirs] = duplexPair();
    const greeted = greetViewer(ours, Promise.resolve(greetingOf('QEMU (web)')));
    theirs.write('GET / HTTP/1.1\r\n');
    await expect(greeted).rejects.toThrow('RFB');
  });
});
