import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { CreateVm } from '@polyvirt/contracts';
import { expectProblem, TestOperation } from '@polyvirt/hypervisor/testing';
import type { LibvirtDriver } from './libvirt.driver.ts';
import { OwnLibvirt } from './testing/own-libvirt.ts';

const timeoutMs = 120_000;
let libvirt: OwnLibvirt;
let driver: LibvirtDriver;

beforeAll(async () => {
  libvirt = await OwnLibvirt.open();
  driver = libvirt.driver('pool');
}, timeoutMs);
afterAll(async () => {
  await driver.close();
  await libvirt.close();
});

it(
  'a host whose virtlogd has died is not healthy, as no VM starts, and is when that is back',
  async () => {
    expect((await driver.probe()).health.status).toBe('healthy');
    const input = CreateVm.parse({ name: 'a', memoryMiB: 32 });
    const { nativeId } = await new TestOperation().run((context) => driver.create(input, context));
    const turnOn = () => new TestOperation().run((context) => driver.start(nativeId, context));
    await libvirt.kill('virtlogd');
    expect((await driver.probe()).health).toEqual({
      status: 'unhealthy',
      detail: expect.stringContaining('No VM can start: virtlogd does not answer'),
    });
    // It is worth while to wait for it.
    expect((await expectProblem('host-offline', turnOn())).message).toContain('virtlogd');
    await libvirt.revive();
    expect((await driver.probe()).health.status).toBe('healthy');
    await turnOn();
    expect((await driver.get(nativeId)).state).toBe('running');
  },
  timeoutMs,
);
