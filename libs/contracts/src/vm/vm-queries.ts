import { z } from 'zod';
import { defineQuery } from '../define.ts';
import { NativeId } from '../ids.ts';
import { GuestReport, NativeDefinition, VmRecord } from './vm.ts';

export const readVm = defineQuery({
  name: 'vm-get',
  summary: 'Look at a VM now, and renew its record.',
  input: z.object({ nativeId: NativeId }),
  output: z.object({ vm: VmRecord, revision: z.int() }),
});

export const readGuest = defineQuery({
  name: 'vm-guest',
  summary: 'Ask the guest agent of a VM.',
  input: z.object({ nativeId: NativeId }),
  output: GuestReport,
});

export const readDefinition = defineQuery({
  name: 'vm-definition',
  summary: 'Read what the hypervisor itself keeps of a VM.',
  input: z.object({ nativeId: NativeId }),
  output: NativeDefinition,
});

export const openConsole = defineQuery({
  name: 'console-open',
  summary: 'Join the graphical console of a VM to a session on the bus.',
  input: z.object({ nativeId: NativeId, session: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/) }),
  output: z.object({ protocol: z.literal('rfb') }),
});
