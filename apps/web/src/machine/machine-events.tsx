import { useTranslation } from 'react-i18next';
import type { Vm } from '../api/client.ts';
import { EventTail } from '../events/event-tail.tsx';
import { Guarded } from '../ui/states.tsx';

export function MachineEvents({ vm }: { vm: Vm }) {
  const { t } = useTranslation();
  return (
    <Guarded permission="vm:read">
      <EventTail topic={`vm:${vm.id}`} subject={vm.id} empty={t('events.noneOfMachine')} />
    </Guarded>
  );
}
