import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lease, leasedAddress } from './dhcp-leases.ts';
import { dhcpConfiguration, findNetwork, leaseFile } from './host-networks.ts';
import { Registry } from './registry.ts';
import { Session } from './session.ts';

describe('DHCP leases', () => {
  let home: string;
  let session: Session;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'leases-'));
    session = new Session(new Registry(home));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  const nat = () => findNetwork(session, 'vmnet8')!;

  it('gives each adapter an address and the same one again', () => {
    const [one, two] = ['00:0C:29:00:00:01', '00:0C:29:00:00:02'];
    expect(lease(session, nat(), one, 'a')).toBe('192.168.3.128');
    expect(lease(session, nat(), two, 'b')).toBe('192.168.3.129');
    expect(lease(session, nat(), one, 'a')).toBe('192.168.3.128');
    const before = readFileSync(leaseFile(session, nat()), 'utf8');
    expect(leasedAddress(session, nat(), two, 'b')).toBe('192.168.3.129');
    expect(readFileSync(leaseFile(session, nat()), 'utf8')).toBe(before);
  });

  it('writes the ISC form, in UTC', () => {
    lease(session, nat(), '00:0C:29:11:22:33', 'vm1');
    expect(readFileSync(leaseFile(session, nat()), 'utf8')).toMatch(
      /^lease 192\.168\.3\.128 \{\n\tstarts \d \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d;\n\tends .*;\n\thardware ethernet 00:0c:29:11:22:33;\n\tuid 01:00:0c:29:11:22:33;\n\tclient-hostname "vm1";\n\}\n$/,
    );
  });

  it('gives a reserved address and re-uses one that ran out', () => {
    const reserved = 'host db {\n\thardware ethernet 00:0c:29:aa:bb:cc;\n\tfixed-address 192.168.3.20;\n}\n';
    appendFileSync(dhcpConfiguration(session, nat()), reserved);
    expect(lease(session, nat(), '00:0C:29:AA:BB:CC', 'db')).toBe('192.168.3.20');
    const old = Array.from(
      { length: 127 },
      (_, index) =>
        `lease 192.168.3.${128 + index} {\n\tends 1 2001/01/01 00:00:00;\n\thardware ethernet 00:0c:29:00:01:${index.toString(16).padStart(2, '0')};\n}\n`,
    );
    appendFileSync(leaseFile(session, nat()), old.join(''));
    expect(lease(session, nat(), '00:0C:29:00:00:09', 'x')).toBe('192.168.3.128');
  });
});
