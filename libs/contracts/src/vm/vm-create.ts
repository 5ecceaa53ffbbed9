import { z } from 'zod';
import { defineCommand } from '../command/define-command.ts';
import { secret } from '../secret.ts';
import { formatIp, parseIp } from '../network/ip-address.ts';
import { unique } from '../unique.ts';
import { outlineOfNew } from './vm-outlines.ts';
import { Firmware, Labels, Notes, VmName } from './vm.ts';

/** Taken in any case; a reader gets it in lower case. */
export const MacInput = z
  .string()
  .regex(/^[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}$/, 'A MAC address is six bytes in hex with colons.')
  .toLowerCase();

export const DiskInput = z
  .strictObject({
    sizeGiB: z
      .int()
      .min(1)
      .max(65_536)
      .optional()
      .describe('Needed for a blank disk; with an image at least its size, which is the default.'),
    image: z.string().min(1).max(255).optional().describe('Name of an image of the host; absent for a blank disk.'),
    copy: z.enum(['cow', 'full']).default('cow').describe('Copy-on-write over the image, or a full copy.'),
  })
  .refine((disk) => disk.sizeGiB !== undefined || disk.image !== undefined, {
    path: ['sizeGiB'],
    error: 'A blank disk needs a size.',
  })
  .meta({ id: 'DiskInput' });
export type DiskInput = z.infer<typeof DiskInput>;

export const NicInput = z
  .strictObject({
    network: z.string().min(1).max(255).describe('Name of a network of the host.'),
    address: z
      .union([z.literal('auto'), z.ipv4(), z.ipv6()])
      .default('auto')
      .describe('`auto`, or a fixed address where the network can reserve one.'),
    mac: MacInput.optional().describe('Chosen by the host when absent.'),
  })
  .meta({ id: 'NicInput' });
export type NicInput = z.infer<typeof NicInput>;

/** Interfaces that are made together: no MAC address and no fixed address of a network twice. */
export const NicInputs = z
  .array(NicInput)
  .max(16)
  .superRefine(unique(({ mac }) => mac, 'Another interface of this list has this MAC address.', 'mac'))
  .superRefine(unique(fixedAddressOf, 'Another interface of this list has this address.', 'address'));

function fixedAddressOf({ network, address }: NicInput): string | undefined {
  const ip = parseIp(address);
  return ip && JSON.stringify([network, formatIp(ip)]);
}

/** The longest user data that any host takes; a host may take less, and says so in its limits. */
export const maxUserDataBytes = 65_536;

export const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

export const CloudInit = z
  .strictObject({
    userData: secret(
      z
        .string()
        .min(1)
        .max(maxUserDataBytes)
        .refine((text) => bytesOf(text) <= maxUserDataBytes, {
          error: `User data has at most ${maxUserDataBytes.toLocaleString('en-US')} bytes in UTF-8.`,
        })
        .describe(
          '`#cloud-config`, a script, or another form that cloud-init knows by its first line. At most 65,536 bytes in UTF-8; the limits of a host may be lower. It may hold passwords, so it is kept only until the operation has ended.',
        ),
    ),
    networkConfig: secret(z.string().min(1).max(16_384)).optional(),
  })
  .meta({ id: 'CloudInit' });
export type CloudInit = z.infer<typeof CloudInit>;

export const memoryMiB = z.int().min(16).max(16_777_216);
export const cpus = z.int().min(1).max(1_024);

export const createVm = defineCommand({
  verb: 'vm.create',
  summary: 'Make a VM. The same body works on every hypervisor.',
  route: 'POST /vms',
  permission: 'vm:create',
  locks: ['name'],
  input: {
    name: VmName,
    cpus: cpus.default(1),
    memoryMiB: memoryMiB.default(1_024),
    firmware: Firmware.default('bios'),
    disks: z.array(DiskInput).max(32).default([]),
    cdrom: z.string().min(1).max(255).nullable().default(null).describe('Name of an ISO image of the host.'),
    nics: NicInputs.default([]),
    cloudInit: CloudInit.optional(),
    template: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe('Name or native id of a template of the host to clone, instead of disks.'),
    start: z.boolean().default(false).describe('Power it on when it is made.'),
  },
  rule: [
    ({ template, disks }) => template === undefined || disks.length === 0,
    { path: ['template'], error: 'A template brings its own disks: give one or the other.' },
  ],
  options: { labels: Labels.default({}), notes: Notes.default(''), protected: z.boolean().default(false) },
  outline: ({ name, cpus, memoryMiB, firmware, disks, nics, template, start }) =>
    // A template brings its own.
    outlineOfNew({ name, cpus, memoryMiB, nics, ...(template === undefined && { firmware, disks }) }, start),
  asksHost: true,
  makes: true,
  turnsOn: true,
  limitSeconds: 3_600,
  problems: [
    'host-not-found',
    'name-taken',
    'image-not-found',
    'network-not-found',
    'template-not-found',
    'insufficient-capacity',
  ],
});

/** What a driver is given; the labels and the like stay with the gateway. */
export const CreateVm = createVm.input;
export type CreateVm = z.infer<typeof CreateVm>;
