import { expect, it } from '@jest/globals';
import { guestAddresses } from './guest-addresses.ts';

it('addresses of a guest are shown in their usual form, each once, and only those that lead to it', () => {
  const told = ['10.0.0.5/24', ' 10.0.0.5', '2001:DB8:0::0005', '2001:db8::5%eth0', '192.168.1.1', 'fd00::1'];
  expect(guestAddresses(told)).toEqual(['10.0.0.5', '2001:db8::5', '192.168.1.1', 'fd00::1']);
  const none = ['', 'hello', '10.0.0', '010.0.0.1', '127.0.0.1', '169.254.3.4', '0.0.0.0', '224.0.0.1', '239.1.1.1'];
  expect(guestAddresses([...none, '::1', '::', 'FE80::1%eth0', 'febf::1', 'ff02::1', '255.255.255.255'])).toEqual([]);
});
