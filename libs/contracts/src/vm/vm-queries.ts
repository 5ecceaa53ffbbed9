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
