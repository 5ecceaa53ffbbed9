import { z } from 'zod';
import { defineCommand, type Known } from '../command/define-command.ts';
import type { Disruption, Outline } from '../plan/plan.ts';
import { isOn, savedMemoryLost, stateChange } from './vm-outlines.ts';

/** How long a guest may take to shut down when the caller says nothing, in seconds. */
export const defaultStopSeconds = 90;

const seconds = z.int().min(1).max(3_600);

/** Of verbs that ask the guest. */
const guestInput = {
  force: z.boolean().default(false).describe('Pull the plug instead of asking the guest.'),
  timeoutSeconds: seconds
    .default(defaultStopSeconds)
    .describe(
      'How long the guest may take. A graceful stop that runs out of time fails with `timed-out` and changes nothing.',
    ),
} as const;

/** Of verbs that do not. */
const plainInput = {
  timeoutSeconds: seconds.optional().describe('How long the host may take; it then fails with `timed-out`.'),
} as const;

const within =
  (most: number) =>
  ({ timeoutSeconds = most }: { timeoutSeconds?: number | undefined }): number =>
    Math.min(most, timeoutSeconds);

/** What shuts down and comes up again also takes up what waited for that. */
const pastPowerOff = ({ vm }: Known, to: 'running' | 'stopped', disruption: Disruption): Outline => ({
  changes: [stateChange(vm!, to), ...(vm!.pendingChanges ?? []).map((change) => ({ ...change, when: 'now' as const }))],
  disruption: isOn(vm!) ? disruption : 'none',
  // Only off is where the memory that was saved is not needed any more.
  ...(vm!.state === 'suspended' &&
    to === 'stopped' && { disruption: 'data-loss' as const, warnings: [savedMemoryLost('discarded')] }),
});

const stays =
  (to: 'running' | 'paused' | 'suspended', disruption: Disruption = 'none') =>
  (_: unknown, { vm }: Known) => ({
    changes: [stateChange(vm!, to)],
    disruption,
  });

const power = { permission: 'vm:power', locks: ['vm'], asksHost: false } as const;

export const startVm = defineCommand({
  ...power,
  verb: 'vm.start',
  summary: 'Power a VM on. A suspended VM resumes where it was; one that is already on is left as it is.',
  route: 'POST /vms/{vmId}/start',
  action: 'start',
  input: plainInput,
  outline: stays('running'),
  turnsOn: true,
  limitSeconds: within(300),
  problems: ['vm-not-found', 'wrong-state', 'insufficient-capacity'],
});

export const stopVm = defineCommand({
  ...power,
  verb: 'vm.stop',
  summary:
    'Shut a VM down through its guest, or by force. By force the saved memory of a suspended VM is discarded, too.',
  route: 'POST /vms/{vmId}/stop',
  action: ({ force }) => (force ? 'stop-force' : 'stop'),
  input: guestInput,
  outline: ({ force }, known) => pastPowerOff(known, 'stopped', force ? 'power-cycle' : 'guest-restart'),
  limitSeconds: 3_700,
  problems: ['vm-not-found', 'wrong-state'],
});
export type StopVm = z.infer<typeof stopVm.input>;

export const restartVm = defineCommand({
  ...power,
  verb: 'vm.restart',
  summary: 'Shut a VM down and power it on again. With `force` the shutdown is a power cut.',
  route: 'POST /vms/{vmId}/restart',
  action: ({ force }) => (force ? 'restart-force' : 'restart'),
  input: guestInput,
  outline: ({ force }, known) => pastPowerOff(known, 'running', force ? 'power-cycle' : 'guest-restart'),
  turnsOn: true,
  staysOn: true,
  limitSeconds: 4_000,
  problems: ['vm-not-found', 'wrong-state'],
});

export const resetVm = defineCommand({
  ...power,
  verb: 'vm.reset',
  summary: 'Press the reset button: the guest is not asked.',
  route: 'POST /vms/{vmId}/reset',
  action: 'reset',
  input: plainInput,
  outline: stays('running', 'power-cycle'),
  turnsOn: true,
  staysOn: true,
  limitSeconds: within(300),
  problems: ['vm-not-found', 'wrong-state'],
});

export const suspendVm = defineCommand({
  ...power,
  verb: 'vm.suspend',
  summary: 'Save the memory of a VM to disk and power it off.',
  route: 'POST /vms/{vmId}/suspend',
  action: 'suspend',
  input: plainInput,
  outline: stays('suspended'),
  limitSeconds: within(1_800),
  problems: ['vm-not-found', 'wrong-state'],
});

export const pauseVm = defineCommand({
  ...power,
  verb: 'vm.pause',
  summary: 'Freeze a VM; it keeps its memory on the host.',
  route: 'POST /vms/{vmId}/pause',
  action: 'pause',
  input: plainInput,
  outline: stays('paused'),
  limitSeconds: within(300),
  problems: ['vm-not-found', 'wrong-state'],
});

export const resumeVm = defineCommand({
  ...power,
  verb: 'vm.resume',
  summary: 'Let a paused or suspended VM run again.',
  route: 'POST /vms/{vmId}/resume',
  action: 'resume',
  input: plainInput,
  outline: stays('running'),
  turnsOn: true,
  limitSeconds: within(1_800),
  problems: ['vm-not-found', 'wrong-state'],
});
