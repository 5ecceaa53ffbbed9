import { z } from 'zod';
import { defineQuery } from '../define.ts';
import { NativeId } from '../ids.ts';
import { Plan } from './plan.ts';

export const planVm = defineQuery({
  name: 'vm.plan',
  summary: 'What a command would do now, or the problem that it would end with. Nothing is changed.',
  input: z.object({
    verb: z.string(),
    nativeId: NativeId.optional().describe('The VM; absent when the command makes one.'),
    input: z.unknown().describe('As in the command.'),
  }),
  output: Plan,
});
