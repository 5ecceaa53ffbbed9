/** `SUSPENDED` is one whose memory Prism Element or acli has saved; no API of Prism Central brings it about. */
export type VmPower = 'ON' | 'OFF' | 'PAUSED' | 'SUSPENDED';

export type PowerAction =
  'on' | 'off' | 'acpiShutdown' | 'guestShutdown' | 'acpiReboot' | 'guestReboot' | 'reset' | 'powerCycle';

export interface PowerFacts {
  readonly power: VmPower;
  readonly guestResponsive: boolean;
  readonly guestTools: boolean;
  readonly offWhenOff: 'fail' | 'succeed';
  readonly onWhenOn: 'fail' | 'succeed';
}

/** What a power request comes to. `restarted` stays on, with a guest that boots anew. */
export type PowerResult =
  { readonly kind: 'on' | 'off' | 'restarted' | 'unchanged' } | { readonly kind: 'failed'; readonly detail: string };

const SOFT: readonly PowerAction[] = ['acpiShutdown', 'guestShutdown', 'acpiReboot', 'guestReboot'];
const BY_TOOLS: readonly PowerAction[] = ['guestShutdown', 'guestReboot'];

/** Whether the guest has to take part. */
export const isSoft = (action: PowerAction): boolean => SOFT.includes(action);
export const needsTools = (action: PowerAction): boolean => BY_TOOLS.includes(action);

/** Seen with powering off a VM that is off (TF #289); what real Prism says to the other impossible requests is not documented. */
const NOT_IN_THIS_STATE = 'INTERNAL_ERROR: ErrorCode: 9';

export function powerResult(action: PowerAction, facts: PowerFacts): PowerResult {
  if (action === 'on') {
    if (facts.power !== 'ON') return { kind: 'on' };
    return facts.onWhenOn === 'fail' ? { kind: 'failed', detail: NOT_IN_THIS_STATE } : { kind: 'unchanged' };
  }
  if (facts.power === 'OFF') {
    const ends = action === 'off' || action === 'acpiShutdown' || action === 'guestShutdown';
    return ends && facts.offWhenOff === 'succeed'
      ? { kind: 'unchanged' }
      : { kind: 'failed', detail: NOT_IN_THIS_STATE };
  }
  // No guest is there that could be asked, nor one that could be restarted.
  if (facts.power === 'SUSPENDED')
    return action === 'off' ? { kind: 'off' } : { kind: 'failed', detail: NOT_IN_THIS_STATE };
  if (needsTools(action) && !facts.guestTools)
    return {
      kind: 'failed',
      detail: 'INTERNAL_ERROR: Nutanix Guest Tools are not installed or not reachable on the VM',
    };
  if (isSoft(action) && !facts.guestResponsive)
    return { kind: 'failed', detail: 'INTERNAL_ERROR: Timed out waiting for the guest to respond to the request' };
  return { kind: action === 'off' || action === 'acpiShutdown' || action === 'guestShutdown' ? 'off' : 'restarted' };
}
