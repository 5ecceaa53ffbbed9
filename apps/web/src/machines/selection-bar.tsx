import { Alert, Button, Group, List, Modal, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { BatchInput, Vm } from '../api/client.ts';
import { useChange } from '../ui/change.ts';
import { CopyCall } from '../ui/copy-call.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { ProblemAlert } from '../ui/states.tsx';
import { useObstacle } from './use-obstacle.ts';

const actions = ['start', 'stop', 'restart', 'suspend', 'resume', 'delete'] as const;
type Action = (typeof actions)[number];
const mostReasons = 10;

/** How many of the selection an action is for, and which it leaves out and why, before it is begun. */
export function SelectionBar({ vms, onClear }: { vms: readonly Vm[]; onClear: () => void }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const [asked, setAsked] = useState<Action>();
  return (
    <Alert variant="light" role="region" aria-label={t('machines.selection')} py="xs">
      <Group gap="xs">
        <Text size="sm" fw={600}>
          {t('machines.selectedCount', { count: vms.length })}
        </Text>
        {actions.map((action) => {
          const able = vms.filter((vm) => obstacle(action, vm) === undefined).length;
          const skipped = vms.length - able;
          return (
            <ReasonedButton
              key={action}
              size="xs"
              variant="default"
              reason={able === 0 && vms[0] ? obstacle(action, vms[0]) : undefined}
              onClick={() => setAsked(action)}
            >
              {skipped === 0
                ? t('batch.all', { verb: t(`verb.${action}`), count: able })
                : t('batch.some', { verb: t(`verb.${action}`), count: able, skipped })}
            </ReasonedButton>
          );
        })}
        <Button size="xs" variant="subtle" onClick={onClear}>
          {t('machines.clearSelection')}
        </Button>
      </Group>
      {asked && <BatchDialog action={asked} vms={vms} onClose={() => setAsked(undefined)} onBegun={onClear} />}
    </Alert>
  );
}

interface DialogProps {
  readonly action: Action;
  readonly vms: readonly Vm[];
  onClose(): void;
  onBegun(): void;
}

function BatchDialog({ action, vms, onClose, onBegun }: DialogProps) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const change = useChange();
  const able = vms.filter((vm) => obstacle(action, vm) === undefined);
  const left = vms.filter((vm) => obstacle(action, vm) !== undefined);
  const call = calls.batch({ ids: able.map(({ id }) => id), action } as BatchInput);
  const verb = t(`verb.${action}`);
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('batch.title', { verb, count: able.length })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <Stack>
        {left.length > 0 && (
          <>
            <Text>{t('batch.skip', { count: left.length })}</Text>
            <List size="sm">
              {left.slice(0, mostReasons).map((vm) => (
                <List.Item key={vm.id}>
                  {vm.name}: {obstacle(action, vm)}
                </List.Item>
              ))}
            </List>
            {left.length > mostReasons && (
              <Text size="sm">{t('batch.more', { count: left.length - mostReasons })}</Text>
            )}
          </>
        )}
        {action === 'delete' && (
          <Text fw={600}>{t('batch.deleteWarning', { names: able.map(({ name }) => name).join(', ') })}</Text>
        )}
        {change.isError && <ProblemAlert error={change.error} />}
        <Group justify="space-between">
          <CopyCall call={call} />
          <Button
            color={action === 'delete' ? 'red.9' : undefined}
            loading={change.isPending}
            {...(able.length === 0 && { 'data-disabled': true, 'aria-disabled': true })}
            onClick={() =>
              able.length > 0 &&
              change.mutate(
                { call },
                {
                  onSuccess: () => {
                    onClose();
                    onBegun();
                  },
                },
              )
            }
          >
            {t('batch.all', { verb, count: able.length })}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
