import { describe, expect, it } from '@jest/globals';
import { XdrReader } from '../xdr/reader.ts';
import { XdrWriter } from '../xdr/writer.ts';
import { eventKinds, type EventEntry } from './events.ts';
import { entryOf, procedures, type Procedures } from './procedures.ts';
import { readFields, writeFields, type EncodableFields, type Fields } from './schema.ts';
import { structs, type StructName } from './structs.ts';

function encode<const F extends Fields>(fields: F, value: EncodableFields<F>): Buffer {
  const writer = new XdrWriter();
  writeFields(writer, fields, value);
  return writer.finish();
}

const UUID = '6695eb01-f6a4-8304-79aa-97f2502e193f';

const samples: Record<string, unknown> = {
  i32: -7,
  u32: 7,
  flags: 0x8000_0001,
  bool: true,
  needResults: 1,
  runtimeId: 12,
  i64: -(2n ** 60n),
  u64: 2n ** 63n + 1n,
  f64: 0.25,
  str: 'one string',
  label: 'lä',
  uuid: UUID,
  opaque: Buffer.from([1, 2, 3, 4, 5]),
  char: -1,
  uchar: 255,
  ushort: 65535,
  charBytes: Buffer.from([0, 127, 128, 255]),
  model32: 'x86_64',
  typedParameter: { field: 'a.b', type: 'ullong', value: 2n ** 64n - 1n },
};

function sampleOf(type: string): unknown {
  if (type.endsWith('[]')) return [sampleOf(type.slice(0, -2)), sampleOf(type.slice(0, -2))];
  if (type.endsWith('?')) return sampleOf(type.slice(0, -1));
  if (type in samples) return samples[type];
  return sampleFields(structs[type as StructName]);
}

function sampleFields(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, sampleOf(type)]));
}

describe('schema', () => {
  const tables: [string, Fields][] = [
    ...Object.entries(procedures).flatMap(([name, { args, ret }]): [string, Fields][] => [
      [`${name} arguments`, args],
      [`${name} reply`, ret],
    ]),
    ...Object.entries(eventKinds).flatMap(([kind, events]) =>
      Object.entries(events).map(([name, event]): [string, Fields] => [
        `${kind}.${name} event`,
        (event as EventEntry).fields,
      ]),
    ),
  ];

  it('reads back what it writes, to the last byte, for every procedure and event', () => {
    for (const [name, fields] of tables) {
      const value = sampleFields(fields);
      const reader = new XdrReader(encode(fields, value as never));
      expect([name, readFields(reader, fields)]).toEqual([name, value]);
      expect([name, reader.remaining]).toEqual([name, 0]);
    }
  });

  it('has each procedure number once', () => {
    const numbers = Object.keys(procedures).map((name) => {
      const { program, procedure } = entryOf(name as keyof Procedures);
      return `${program} ${procedure.number}`;
    });
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers.length).toBeGreaterThan(260);
  });

  it('needs only a UUID to name a domain', () => {
    expect(encode({ dom: 'domain' }, { dom: { uuid: UUID } }).toString('hex')).toBe(
      '000000006695eb01f6a4830479aa97f2502e193fffffffff',
    );
  });

  it('widens chars to four bytes each', () => {
    const { args } = procedures.authSaslStart;
    const bytes = encode(args, { mech: 'PLAIN', nil: 0, data: Buffer.from([0, 0x75, 0xff]) });
    expect(bytes.toString('hex')).toBe(
      '00000005504c41494e0000000000000000000003' + '00000000' + '00000075' + 'ffffffff',
    );
    const model = Buffer.alloc(128);
    [...'i686'].forEach((char, index) => model.writeInt32BE(char.charCodeAt(0), index * 4));
    expect(readFields(new XdrReader(model), { model: 'model32' })).toEqual({ model: 'i686' });
  });

  it('takes flags that bitwise operators made negative', () => {
    expect(encode({ flags: 'flags' }, { flags: 0x2000_0000 | 0x8000_0000 }).toString('hex')).toBe('a0000000');
  });

  it('leaves out what may be left out', () => {
    expect(encode(procedures.connectListAllDomains.args, {}).toString('hex')).toBe('0000000100000000');
    expect(encode(procedures.domainRename.args, { dom: { uuid: UUID } }).toString('hex')).toMatch(/0000000000000000$/);
  });

  it('names the field whose value does not fit', () => {
    const { args } = procedures.domainSetMemoryFlags;
    expect(() => encode(args, { dom: { uuid: 'nonsense' }, memory: 1n })).toThrow('dom: uuid: not a UUID: nonsense');
    expect(() => encode(args, { dom: { uuid: UUID }, memory: 1.5 })).toThrow('memory: expected a bigint');
    expect(() => encode(args, { dom: { uuid: UUID } } as never)).toThrow('memory: expected a bigint');
    expect(() => encode(procedures.domainLookupByName.args, { name: 'a\0b' })).toThrow('NUL');
    expect(() => encode(procedures.domainLookupById.args, { id: NaN })).toThrow('id: expected a number');
  });

  it('takes safe integers for 64-bit fields', () => {
    expect(encode({ value: 'u64' }, { value: 4096 }).toString('hex')).toBe('0000000000001000');
  });
});
