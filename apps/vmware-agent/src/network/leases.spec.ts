import { describe, expect, it } from '@jest/globals';
import { parseLeases } from './leases.ts';
import { prefixOf } from './networks.ts';

describe('the leases of a virtual network', () => {
  it('are read with their end in UTC', () => {
    const text = `# file of dhcpd
lease 192.168.126.130 {
	starts 3 2026/01/07 08:00:00;
	ends 3 2026/01/07 08:30:00;
	hardware ethernet 00:0C:29:11:22:33;
	client-hostname "vm1";
}
lease 192.168.126.131 {
	ends never;
	hardware ethernet 00:0c:29:11:22:44;
}
lease 192.168.126.132 {
	ends 3 2026/01/07 08:30:00;
}
`;
    expect(parseLeases(text)).toEqual([
      { address: '192.168.126.130', mac: '00:0c:29:11:22:33', endsAt: Date.UTC(2026, 0, 7, 8, 30) },
      { address: '192.168.126.131', mac: '00:0c:29:11:22:44', endsAt: Infinity },
    ]);
  });

  it('belong to networks with a mask', () => {
    expect(['255.255.255.0', '255.255.240.0', '0.0.0.0'].map(prefixOf)).toEqual([24, 20, 0]);
  });
});
