import { writeFileSync } from 'node:fs';
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

it('says of a template that cannot be read why, and not that there is none', async () => {
  const host = new SimulatedWorkstation();
  try {
    const driver = await host.open();
    const vmx = await host.foreignVm(host.templateFolder, 'odd', {}, true);
    writeFileSync(vmx, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 10, 0x22, 0xff]));
    const make = (template: string) => {
      const body = CreateVm.parse({ name: 'web', memoryMiB: 32, template });
      return new TestOperation().run((context) => driver.create(body, context));
    };
    await expect(make('foreign-odd')).rejects.toMatchObject({ code: 'host-rejected' });
    await expect(make('none')).rejects.toMatchObject({ code: 'template-not-found' });
  } finally {
    await host.close();
  }
});

it('is there where no vmrun is, and says which setting names it', async () => {
  const host = new SimulatedWorkstation();
  try {
    const driver = await host.open({ vmrunPath: '/nowhere/vmrun' });
    const { health } = await driver.probe();
    expect(health.status).toBe('undetected');
    expect(health.detail).toContain('There is no program /nowhere/vmrun.');
    expect(health.detail).toContain('POLYVIRT_VMRUN_PATH');
  } finally {
    await host.close();
  }
});
