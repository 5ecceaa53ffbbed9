import { expect, it } from '@jest/globals';
import { Dictionary } from './dictionary.ts';
import { cloudInitEntries } from './hardware-writer.ts';
import { withoutSecrets } from './secrets.ts';

const harmless = `.encoding = "UTF-8"
# kept
displayName = "web"
RemoteDisplay.vnc.enabled = "TRUE"
RemoteDisplay.vnc.port = "5901"
guestInfo.detailed.data = "prettyName='Debian'"
vmx.encryptionType = "partial"
`;

it('leaves passwords and keys out of a copy, and nothing else', () => {
  const vmx = Dictionary.parse(Buffer.from(harmless));
  const cloudInit = { userData: '#cloud-config\npassword: hunter2\n', networkConfig: 'version: 2\n' };
  vmx.setAll({
    ...cloudInitEntries('id', 'web', cloudInit),
    'guestinfo.networkconfig': 'x',
    'guestinfo.ignition.config.data': 'x',
    'remotedisplay.vnc.PASSWORD': 'x',
    'RemoteDisplay.vnc.key': 'x',
    'encryption.keySafe': 'x',
    'encryption.data': 'x',
  });
  expect(withoutSecrets(vmx).text()).toBe(harmless);
  expect(vmx.get('guestinfo.userdata')).toBeDefined();
});
