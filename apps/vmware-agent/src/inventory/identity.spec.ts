import { describe, expect, it } from '@jest/globals';
import { NativeId } from '@polyvirt/contracts';
import { matchListed, nativeIdOf } from './identity.ts';

describe('the identity of a machine', () => {
  it('is that of its path, on Windows in any case and with either slash', () => {
    const id = nativeIdOf('C:\\VMs\\Web\\web.vmx', 'windows');
    NativeId.parse(id);
    expect(nativeIdOf('c:/vms/web/WEB.vmx', 'windows')).toBe(id);
    expect(nativeIdOf('/vms/web/web.vmx', 'linux')).not.toBe(nativeIdOf('/vms/Web/web.vmx', 'linux'));
  });

  it('is found in a list whose code page lacks characters of the path, unless two are alike', () => {
    const [one, other, plain] = ['C:\\VMs\\日本\\a.vmx', 'C:\\VMs\\日本語\\a.vmx', 'C:\\VMs\\b.vmx'].map((vmx) => ({
      vmx,
    }));
    expect(matchListed('c:\\vms\\B.vmx', [one!, plain!], 'windows')).toBe(plain);
    expect(matchListed('C:\\VMs\\??\\a.vmx', [one!, plain!], 'windows')).toBe(one);
    expect(matchListed('C:\\VMs\\??\\a.vmx', [one!, other!], 'windows')).toBeUndefined();
    expect(matchListed('/vms/??/a.vmx', [{ vmx: '/vms/é/a.vmx' }], 'linux')).toBeUndefined();
  });
});
