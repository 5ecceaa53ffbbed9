import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { HypervisorConfigError, readHypervisorConfig } from './read.ts';

const example = readFileSync(new URL('../../../../docs/examples/hypervisor_config.json', import.meta.url), 'utf8');
const prism = {
  POLYVIRT_PRISM_ADDRESS: '10.0.0.100',
  POLYVIRT_PRISM_USERNAME: 'admin',
  POLYVIRT_PRISM_CLUSTER: 'cluster01',
};
const vmware = {
  POLYVIRT_VMRUN_PATH: String.raw`C:\Program Files (x86)\VMware\VMware Workstation\vmrun.exe`,
  POLYVIRT_TEMPLATE_PATH: String.raw`C:\VM_Templates`,
  POLYVIRT_VM_PATH: String.raw`C:\VMs`,
};

describe('a hypervisor_config.json', () => {
  it('of the document sets all there is to set, on Windows', () => {
    expect(readHypervisorConfig(example, 'win32')).toEqual({
      settings: { ...prism, ...vmware },
      onWindows: {},
      password: 'password',
      ignored: [],
    });
  });

  it('with paths of Windows keeps them for an agent there, when it is read elsewhere', () => {
    expect(readHypervisorConfig(example, 'linux')).toEqual({
      settings: prism,
      onWindows: vmware,
      password: 'password',
      ignored: [],
    });
  });

  it('with paths of Linux sets them', () => {
    const text = JSON.stringify({ vmware: { vmrun_path: '/usr/bin/vmrun', default_vm_directory: '/srv/vms' } });
    expect(readHypervisorConfig(text, 'linux').settings).toEqual({
      POLYVIRT_VMRUN_PATH: '/usr/bin/vmrun',
      POLYVIRT_VM_PATH: '/srv/vms',
    });
  });

  it('names what it does not know, takes empty for absent, and a byte order mark for nothing', () => {
    const text = `\uFEFF${JSON.stringify({ nutanix: { mock_port: 1, username: ' ' }, hyperv: { host: 'x' }, debug: true })}`;
    expect(readHypervisorConfig(text)).toEqual({
      settings: {},
      onWindows: {},
      password: undefined,
      ignored: ['nutanix.mock_port', 'hyperv.host', 'debug'],
    });
  });

  it.each([
    ['{"vmware": {"vmrun_path": "C:\\Program Files\\vmrun.exe"}}', /no JSON.*backslash is written twice/],
    ['{"vmware": {"templates_directory": "C:\\templates"}}', /templates_directory.*backslash is written twice/],
    ['{"vmware": ', /no JSON/],
    ['[]', /no object/],
    ['null', /no object/],
    ['{"nutanix": {"prism_central_ip": ["10.0.0.1"]}}', /prism_central_ip.*text/],
    ['{"nutanix": {"prism_central_ip": "http://10.0.0.1/console"}}', /prism_central_ip.*host name/],
  ])('%s is refused with what to do', (text, message) => {
    expect(() => readHypervisorConfig(text)).toThrow(HypervisorConfigError);
    expect(() => readHypervisorConfig(text)).toThrow(message);
  });
});
