import { mkdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { Client } from '@polyvirt/api-client';
import { run } from '@polyvirt/tools';
import { bootableIso } from './bootable-iso.ts';
import { GuestTerminal } from './guest-terminal.ts';
import { peakMiB } from './memory-peak.ts';
import type { Vm } from './requests.ts';
import { storiesOn } from './stack/story.ts';
import { bringImages, longMs, workWithTwoMachines, type Guest } from './two-machines.ts';

const host = 'kvm-a';
const story = storiesOn({ agents: [{ kind: 'kvm', id: host }] });
const imageBytes = 256 * 2 ** 20;

/** Somebody at the text console of a machine. */
async function sitAt(client: Client, { id, firmware }: Vm): Promise<Guest> {
  const terminal = await GuestTerminal.open(client, id);
  await terminal.prompt(longMs);
  const booted = await terminal.run('if [ -d /sys/firmware/efi ]; then echo uefi; else echo bios; fi');
  expect(booted).toBe(firmware);
  const present = (device: string) => terminal.run(`until [ -b /dev/${device} ]; do sleep 1; done`);
  return {
    write: async (device, words) => {
      await present(device);
      await terminal.run(`echo '${words}' | dd of=/dev/${device} bs=512 conv=sync,fsync 2>/dev/null`);
    },
    read: async (device) => {
      await present(device);
      return terminal.run(`head -n 1 /dev/${device}`);
    },
  };
}

story(
  'works with two machines as a person does: what one writes to a disk, the other reads',
  async (stack) => {
    const { admin: client, folder, prefix, kvm } = stack;
    const tinyLinux = join(folder, 'images', 'tiny-linux.qcow2');
    const home = join(folder, 'home');
    await mkdir(home);
    const iso = await bootableIso(tinyLinux, home);
    const image = join(home, 'small.raw');
    await run('qemu-img', ['convert', '-O', 'raw', tinyLinux, image]);
    await truncate(image, imageBytes);
    const place = { client, host, prefix, iso, image, sitAt: (vm: Vm) => sitAt(client, vm) };

    const services = ['gateway', `agent-${host}`].map((name) => stack.service(name).pid!);
    for (const pid of services) peakMiB(pid);
    const before = services.map(peakMiB);
    await bringImages(place);
    const growth = services.map((pid, index) => peakMiB(pid) - before[index]!);
    process.stderr.write(
      `  256 MiB uploaded: gateway and agent took ${growth.map(Math.round).join(' and ')} MiB more\n`,
    );
    expect(Math.max(...growth)).toBeLessThan(128);

    await workWithTwoMachines(place);
    expect(await kvm.machines()).toEqual([]);
    expect(await kvm.volumes()).toEqual([]);
  },
  3 * longMs,
);
