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
