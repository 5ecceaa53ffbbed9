import { describe, expect, it } from '@jest/globals';
import type { Capabilities } from '../host/capabilities.ts';
import { verdictOn, vmActions, type VmAction } from './vm-actions.ts';
import { VmState } from './vm.ts';

/** What each advice names has to be possible on the host that the VM is on. */
const advised: readonly (readonly [RegExp, VmAction])[] = [
  [/(?<!cannot )\bresume it\b(?! in the tool)/i, 'resume'],
  [/\bstart it\b/i, 'start'],
  [/\bstop it with force\b/i, 'stop-force'],
  [/\brestart it with force\b/i, 'restart-force'],
  [/\bstop it\b(?! with force)/i, 'stop'],
];
const hosts = { with: { available: true }, without: { available: false, reason: 'None here.' } } as const;

describe.each(Object.entries(hosts))('what a refusal advises on a host %s suspend', (_, suspend) => {
  const capabilities = { clone: suspend, suspend } as unknown as Capabilities;
  const refusals = (Object.keys(vmActions) as VmAction[]).flatMap((action) =>
    VmState.options.flatMap((state) => {
      const verdict = verdictOn(action, state, capabilities);
      return verdict.allowed ? [] : [{ action, state, reason: verdict.reason }];
    }),
  );

  it.each(refusals)('for $action when $state can be done there: $reason', ({ state, reason }) => {
    for (const [pattern, action] of advised) {
      if (!pattern.test(reason)) continue;
      expect(verdictOn(action, state, capabilities)).toMatchObject({ allowed: true });
      if (action === 'resume') expect(suspend.available).toBe(true);
    }
  });
});
