import { describe, expect, it } from '@jest/globals';
import { ProtocolError } from '../protocol/errors.ts';
import { XdrReader } from './reader.ts';
import { XdrWriter } from './writer.ts';

function written(write: (writer: XdrWriter) => void): Buffer {
  const writer = new XdrWriter(4);
  write(writer);
  return writer.finish();
}

describe('XDR', () => {
  it('pads strings and raw bytes with zeros to four', () => {
    expect(written((w) => w.string('test')).toString('hex')).toBe('0000000474657374');
    expect(written((w) => w.string('tests')).toString('hex')).toBe('000000057465737473000000');
    expect(written((w) => w.opaque(Buffer.from([1, 2, 3]))).toString('hex')).toBe('0000000301020300');
  });

  it('counts the bytes of a string and not its characters', () => {
    const bytes = written((w) => w.string('größe 🐧'));
    expect(bytes.readUInt32BE(0)).toBe(12);
    expect(bytes.length % 4).toBe(0);
    expect(new XdrReader(bytes).string()).toBe('größe 🐧');
  });

  it('keeps 64-bit values exact at their limits', () => {
    const values = [0n, 1n, 2n ** 53n - 1n, 2n ** 53n + 1n, 2n ** 64n - 1n];
    const reader = new XdrReader(written((w) => values.forEach((value) => w.u64(value))));
    expect(values.map(() => reader.u64())).toEqual(values);
    const negative = new XdrReader(written((w) => w.i64(-(2n ** 63n))));
    expect(negative.i64()).toBe(-(2n ** 63n));
  });

  it('gives 64-bit values as numbers only where they are exact', () => {
    const reader = new XdrReader(written((w) => [2n ** 53n - 1n, 2n ** 53n].forEach((value) => w.u64(value))));
    expect(reader.u64AsSafe()).toBe(Number.MAX_SAFE_INTEGER);
    expect(reader.u64AsSafe()).toBe(2n ** 53n);
  });

  it('writes doubles and negative integers', () => {
    const reader = new XdrReader(
      written((w) => {
        w.f64(-0.5);
        w.i32(-1);
      }),
    );
    expect(reader.f64()).toBe(-0.5);
    expect(reader.i32()).toBe(-1);
    expect(reader.remaining).toBe(0);
  });

  it('refuses to read past the end of a packet', () => {
    const reader = new XdrReader(Buffer.from('00000008746573', 'hex'));
    expect(() => reader.string()).toThrow(ProtocolError);
    expect(() => new XdrReader(Buffer.alloc(3)).u32()).toThrow(ProtocolError);
  });

  it('refuses lengths that libvirt never sends before it allocates for them', () => {
    const huge = written((w) => w.u32(0xffff_fff0));
    expect(() => new XdrReader(huge).string()).toThrow('longer than libvirt allows');
    expect(() => new XdrReader(huge).opaque()).toThrow(ProtocolError);
    expect(() => new XdrReader(huge).count()).toThrow('does not fit');
  });
});
