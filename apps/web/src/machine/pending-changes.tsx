import { Card, Group, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Vm } from '../api/client.ts';
import { useObstacle } from '../machines/use-obstacle.ts';
import { useQuickChange } from '../ui/change.ts';
import { Changes } from '../ui/plan.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';

/** Whether something of a device waits for the next power-off: of `/disks/0`, say. */
export const isWaiting = ({ pendingChanges = [] }: Vm, pointer: string): boolean =>
  pendingChanges.some((change) => change.pointer === pointer || change.pointer.startsWith(`${pointer}/`));

/** What waits for the next power-off, and the way to withdraw it; nothing when nothing waits. */
export function PendingChanges({ vm }: { vm: Vm }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const quickly = useQuickChange();
  if (vm.pendingChanges === undefined || vm.pendingChanges.length === 0) return undefined;
  return (
    <Card withBorder component="section" aria-label={t('plan.pending')}>
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          {t('plan.pending')}
        </Title>
        <ReasonedButton
          size="xs"
          variant="default"
          reason={obstacle('dropPending', vm)}
          onClick={() => quickly(calls.dropPending(vm.id))}
        >
          {t('plan.drop')}
        </ReasonedButton>
      </Group>
      <Changes changes={vm.pendingChanges} />
    </Card>
  );
}
