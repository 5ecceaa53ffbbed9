import { expect, it } from '@jest/globals';
import { CreateVm } from '@polyvirt/contracts';
import { TestOperation } from '@polyvirt/hypervisor/testing';
import { SimulatedWorkstation } from './testing/simulated-workstation.ts';

it('exports a configuration without what its guest was told in confidence', async () => {
  const host = new SimulatedWorkstation();
  try {
    const driver = await host.open();
    const body = CreateVm.parse({
      name: 'web',
      memoryMiB: 32,
      disks: [{ sizeGiB: 1 }],
      cloudInit: { userData: '#cloud-config\npassword: hunter2\n' },
    });
    const { nativeId } = await new TestOperation().run((context) => driver.create(body, context));
    const { text } = await driver.export.definition(nativeId);
    expect(text).toContain('displayName = "web"');
    expect(text).not.toMatch(/guestinfo/i);
  } finally {
    await host.close();
  }
});

it('shows a template without a size when one of its disks is not there', async () => {
  const host = new SimulatedWorkstation();
  try {
    const driver = await host.open();
    await host.foreignVm(host.templateFolder, 'whole', {}, true);
    await host.foreignVm(host.templateFolder, 'broken', {
      'scsi0.present': 'TRUE',
      'scsi0:0.present': 'TRUE',
      'scsi0:0.fileName': 'gone.vmdk',
    });
    const [broken, whole] = await driver.images.templates();
    expect(broken).toEqual({ nativeId: expect.any(String), name: 'broken' });
    expect(whole).toMatchObject({ name: 'whole', sizeGiB: 64 / 1_024 });
  } finally {
    await host.close();
  }
});
