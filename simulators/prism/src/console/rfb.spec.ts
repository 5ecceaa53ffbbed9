import { describe, expect, it } from '@jest/globals';
import { RfbSession } from './rfb.ts';

function opened(): { session: RfbSession; sent: Buffer[]; closed: () => boolean } {
  const sent: Buffer[] = [];
  let closed = false;
  const session = new RfbSession(
    'web-01',
    (bytes) => sent.push(bytes),
    () => (closed = true),
  );
  session.start();
  return { session, sent, closed: () => closed };
}

describe('the RFB server', () => {
  it('shakes hands without a password, also when the bytes come one by one', () => {
    const { session, sent } = opened();
    for (const byte of Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.from([1, 1])]))
      session.receive(Buffer.from([byte]));
    expect(sent[0]?.toString()).toBe('RFB 003.008\n');
    expect(sent[1]).toEqual(Buffer.from([1, 1]));
    expect(sent[2]).toEqual(Buffer.alloc(4));
    const init = sent[3]!;
    expect([init.readUInt16BE(0), init.readUInt16BE(2), init[4]]).toEqual([320, 200, 32]);
    expect(init.subarray(24).toString()).toBe('web-01');
  });

  it('sends the picture for a full update in the pixel format that was set, and waits with the next', () => {
    const { session, sent } = opened();
    session.receive(Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.from([1, 1])]));
    const format = Buffer.from([0, 0, 0, 0, 16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0]);
    const encodings = Buffer.from([2, 0, 0, 1, 0, 0, 0, 0]);
    const request = (incremental: number): Buffer => Buffer.from([3, incremental, 0, 0, 0, 0, 1, 64, 0, 200]);
    session.receive(Buffer.concat([format, encodings, request(0)]));
    const picture = sent[4]!;
    expect(picture.length).toBe(16 + 320 * 200 * 2);
    expect(picture.readInt32BE(12)).toBe(0);
    session.receive(request(1));
    expect(sent).toHaveLength(5);
    session.receive(request(0));
    expect(sent).toHaveLength(6);
  });

  it('closes on a message or a security type that does not exist', () => {
    const wrong = opened();
    wrong.session.receive(Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.from([2])]));
    expect(wrong.closed()).toBe(true);
    const odd = opened();
    odd.session.receive(Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.from([1, 1, 99])]));
    expect(odd.closed()).toBe(true);
  });
});
