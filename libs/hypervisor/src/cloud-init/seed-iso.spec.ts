import { describe, expect, it } from '@jest/globals';
import { buildSeedIso, hostnameFrom } from './seed-iso.ts';

const SECTOR = 2_048;

/** Reads the root folder of one tree of the volume, the way a kernel does: descriptor, root record, records. */
function filesOf(iso: Buffer, descriptor: number, decode: (name: Buffer) => string): Record<string, string> {
  const root = iso.readUInt32LE(descriptor * SECTOR + 156 + 2);
  const folder = iso.subarray(root * SECTOR, (root + 1) * SECTOR);
  const files: Record<string, string> = {};
  for (let at = 0; folder[at]! > 0; at += folder[at]!) {
    const record = folder.subarray(at, at + folder[at]!);
    if (record[25]! & 2) continue;
    const start = record.readUInt32LE(2) * SECTOR;
    files[decode(record.subarray(33, 33 + record[32]!))] = iso.toString('utf8', start, start + record.readUInt32LE(10));
  }
  return files;
}

describe('a cloud-init seed', () => {
  const iso = buildSeedIso(
    { instanceId: 'op-1', name: `Zoë's VM` },
    { userData: '#cloud-config\nx: é\n', networkConfig: 'version: 2\n' },
  );
  const expected = {
    'meta-data': 'instance-id: "op-1"\nlocal-hostname: "zoe-s-vm"\n',
    'network-config': 'version: 2\n',
    'user-data': '#cloud-config\nx: é\n',
  };

  it('is a volume called cidata', () => {
    expect(iso.toString('latin1', 16 * SECTOR + 1, 16 * SECTOR + 6)).toBe('CD001');
    expect(iso.toString('latin1', 16 * SECTOR + 40, 16 * SECTOR + 46)).toBe('cidata');
    expect(iso.length % SECTOR).toBe(0);
  });

  it('holds the same files in both trees', () => {
    expect(filesOf(iso, 16, (name) => name.toString('latin1'))).toEqual(expected);
    expect(filesOf(iso, 17, (name) => Buffer.from(name).swap16().toString('utf16le'))).toEqual(expected);
  });

  it('is the same for the same input, so that a repeated command changes nothing', () => {
    expect(buildSeedIso({ instanceId: 'a', name: 'b' }, { userData: 'c' })).toEqual(
      buildSeedIso({ instanceId: 'a', name: 'b' }, { userData: 'c' }),
    );
  });

  it('makes a legal host name of any VM name', () => {
    expect(['web-1', 'Élan vital', '--x--', '🚀', 'a'.repeat(80), 'a b.c_d'].map(hostnameFrom)).toEqual([
      'web-1',
      'elan-vital',
      'x',
      'vm',
      'a'.repeat(63),
      'a-b-c-d',
    ]);
  });
});
