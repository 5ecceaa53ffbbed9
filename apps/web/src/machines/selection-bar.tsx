import { Alert, Button, Group, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Vm } from '../api/client.ts';
import { formatNumber } from '../i18n/format.ts';
import { useForbidden } from '../session/use-forbidden.ts';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { permissionOf } from './actions.ts';
import { BatchDialog, batchActions, FilterBatchDialog, type BatchAction } from './batch-dialog.tsx';
import type { VmFilter } from './filter-syntax.ts';
import { useObstacle } from './use-obstacle.ts';

interface Props {
  /** What is selected of what has been fetched. */
  readonly vms: readonly Vm[];
  readonly filter: VmFilter;
  /** How many the filter finds, when that is more than has been fetched and all of that is selected. */
  readonly total: number | undefined;
  onClear(): void;
}

/** How many of the selection an action is for, and which it leaves out and why, before it is begun. */
export function SelectionBar({ vms, filter, total, onClear }: Props) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState<BatchAction>();
  const [wantsAll, setWantsAll] = useState(false);
  const isAll = wantsAll && total !== undefined;
  const dialog = { onClose: () => setAsked(undefined), onBegun: onClear };
  return (
    <Alert variant="light" role="region" aria-label={t('machines.selection')} py="xs">
      <Group gap="xs">
        <Text size="sm" fw={600}>
          {isAll
            ? t('machines.allSelected', { number: formatNumber(total) })
            : t('machines.selectedCount', { count: vms.length })}
        </Text>
        {isAll ? (
          <OfAll onAsk={setAsked} />
        ) : (
          <>
            <OfSome vms={vms} onAsk={setAsked} />
            {total !== undefined && (
              <Button size="xs" variant="subtle" onClick={() => setWantsAll(true)}>
                {t('machines.selectAll', { number: formatNumber(total) })}
              </Button>
            )}
          </>
        )}
        <Button size="xs" variant="subtle" onClick={onClear}>
          {t('machines.clearSelection')}
        </Button>
      </Group>
      {asked &&
        (isAll ? (
          <FilterBatchDialog action={asked} filter={filter} {...dialog} />
        ) : (
          <BatchDialog action={asked} vms={vms} {...dialog} />
        ))}
    </Alert>
  );
}

function OfSome({ vms, onAsk }: { vms: readonly Vm[]; onAsk: (action: BatchAction) => void }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  return batchActions.map((action) => {
    const able = vms.filter((vm) => obstacle(action, vm) === undefined).length;
    const skipped = vms.length - able;
    const words = { verb: t(`verb.${action}`), count: able, skipped };
    return (
      <ReasonedButton
        key={action}
        size="xs"
        variant="default"
        reason={able === 0 && vms[0] ? obstacle(action, vms[0]) : undefined}
        onClick={() => onAsk(action)}
      >
        {t(skipped === 0 ? 'batch.all' : 'batch.some', words)}
      </ReasonedButton>
    );
  });
}

function OfAll({ onAsk }: { onAsk: (action: BatchAction) => void }) {
  const { t } = useTranslation();
  const forbidden = useForbidden();
  return batchActions.map((action) => (
    <ReasonedButton
      key={action}
      size="xs"
      variant="default"
      reason={forbidden(permissionOf(action))}
      onClick={() => onAsk(action)}
    >
      {t(`verb.${action}`)}
    </ReasonedButton>
  ));
}
