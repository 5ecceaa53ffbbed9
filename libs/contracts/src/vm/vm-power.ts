import { z } from 'zod';
import { defineCommand } from '../define.ts';
import { commandOptions } from '../operation/command-options.ts';

/** How long a guest may take to shut down when the caller says nothing, in seconds. */
export const defaultStopSeconds = 90;

const timeoutSeconds = z
  .int()
  .min(1)
  .max(3_600)
  .default(defaultStopSeconds)
  .describe(
    'How long the guest may take. A graceful stop that runs out of time fails with `timed-out` and changes nothing.',
  );
const force = z.boolean().default(false).describe('Pull the plug instead of asking the guest.');

const nothing = z.strictObject({});
const stopping = z.strictObject({ force, timeoutSeconds });

export const PowerInput = z.strictObject({ ...commandOptions }).meta({ id: 'PowerInput' });
export type PowerInput = z.infer<typeof PowerInput>;
export const StopVmInput = z.strictObject({ force, timeoutSeconds, ...commandOptions }).meta({ id: 'StopVmInput' });
export type StopVmInput = z.infer<typeof StopVmInput>;

export type StopVm = z.infer<typeof stopping>;

export const startVm = defineCommand({
  verb: 'vm.start',
  summary: 'Power a VM on. A suspended VM goes on where it was; one that is already on is left as it is.',
  permission: 'vm:power',
  input: nothing,
  limitSeconds: 300,
  problems: ['vm-not-found', 'wrong-state', 'insufficient-capacity'],
});

export const stopVm = defineCommand({
  verb: 'vm.stop',
  summary: 'Shut a VM down through its guest, or by force.',
  permission: 'vm:power',
  input: stopping,
  limitSeconds: 3_700,
  problems: ['vm-not-found', 'wrong-state'],
});

export const restartVm = defineCommand({
  verb: 'vm.restart',
  summary: 'Shut a VM down and power it on again. With `force` the shutdown is a power cut.',
  permission: 'vm:power',
  input: stopping,
  limitSeconds: 4_000,
  problems: ['vm-not-found', 'wrong-state'],
});

export const resetVm = defineCommand({
  verb: 'vm.reset',
  summary: 'Press the reset button: the guest is not asked.',
  permission: 'vm:power',
  input: nothing,
  limitSeconds: 300,
  problems: ['vm-not-found', 'wrong-state'],
});

export const suspendVm = defineCommand({
  verb: 'vm.suspend',
  summary: 'Save the memory of a VM to disk and power it off.',
  permission: 'vm:power',
  input: nothing,
  limitSeconds: 1_800,
  problems: ['vm-not-found', 'wrong-state'],
});

export const pauseVm = defineCommand({
  verb: 'vm.pause',
  summary: 'Freeze a VM; it keeps its memory on the host.',
  permission: 'vm:power',
  input: nothing,
  limitSeconds: 300,
  problems: ['vm-not-found', 'wrong-state'],
});

export const resumeVm = defineCommand({
  verb: 'vm.resume',
  summary: 'Let a paused or suspended VM go on.',
  permission: 'vm:power',
  input: nothing,
  limitSeconds: 1_800,
  problems: ['vm-not-found', 'wrong-state'],
});
