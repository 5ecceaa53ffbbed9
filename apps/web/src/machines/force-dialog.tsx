import { useTranslation } from 'react-i18next';
import { calls, type Call } from '../api/calls.ts';
import type { Vm } from '../api/client.ts';
import { Dialog } from '../ui/dialog.tsx';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';

/** What does not ask the guest. */
export const forcedActions = ['stopForce', 'restartForce', 'reset'] as const;
export type ForcedAction = (typeof forcedActions)[number];

const callOf: Record<ForcedAction, (id: string) => Call> = {
  stopForce: (id) => calls.power(id, 'stop', { force: true }),
  restartForce: (id) => calls.power(id, 'restart', { force: true }),
  reset: (id) => calls.power(id, 'reset'),
};

/** Shows what the machine suffers before it does. */
export function ForceDialog({ vm, action, onClose }: { vm: Vm; action: ForcedAction; onClose: () => void }) {
  const { t } = useTranslation();
  const call = callOf[action](vm.id);
  const planned = usePlanned(call, { isReady: true, atOnce: true, lossOf: vm.name, onDone: onClose });
  return (
    <Dialog title={`${t(`verb.${action}`)}: ${vm.name}`} onClose={onClose}>
      <PlannedForm planned={planned} verb={t(`verb.${action}`)} isPlaced={false} onCancel={onClose} />
    </Dialog>
  );
}
