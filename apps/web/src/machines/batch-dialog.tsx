import { Button, Group, List, Stack, Text } from '@mantine/core';
import { ApiProblem } from '@polyvirt/api-client';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import { batchPlanOf } from '../api/changes.ts';
import type { BatchInput, Vm } from '../api/client.ts';
import { useChange } from '../ui/change.ts';
import { CopyCall } from '../ui/copy-call.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { ProblemAlert, QueryView } from '../ui/states.tsx';
import type { VmFilter } from './filter-syntax.ts';
import { useObstacle } from './use-obstacle.ts';

export const batchActions = ['start', 'stop', 'restart', 'suspend', 'resume', 'delete'] as const;
export type BatchAction = (typeof batchActions)[number];
const mostShown = 10;

interface Machine {
  readonly id: string;
  readonly name: string;
}

interface DialogProps {
  readonly action: BatchAction;
  onClose(): void;
  onBegun(): void;
}

interface FormProps extends DialogProps {
  readonly able: readonly Machine[];
  readonly left: readonly (Machine & { readonly reason: string })[];
}

/** For machines that are known here. */
export function BatchDialog({ vms, ...props }: DialogProps & { readonly vms: readonly Vm[] }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const judged = vms.map(({ id, name }, index) => ({ id, name, reason: obstacle(props.action, vms[index]!) }));
  const able = judged.filter(({ reason }) => reason === undefined);
  const left = judged.flatMap(({ reason, ...machine }) => (reason === undefined ? [] : [{ ...machine, reason }]));
  return (
    <Dialog title={t('batch.title', { verb: t(`verb.${props.action}`), count: able.length })} onClose={props.onClose}>
      <BatchForm {...props} able={able} left={left} />
    </Dialog>
  );
}

/** For all that a filter finds: the gateway says which of them can, and why the others cannot. */
export function FilterBatchDialog({ filter, ...props }: DialogProps & { readonly filter: VmFilter }) {
  const { t } = useTranslation();
  const { action } = props;
  const plan = useQuery({
    queryKey: ['plan', 'batch', action, filter],
    queryFn: () => batchPlanOf(calls.batch({ filter, action } as BatchInput)),
    staleTime: 0,
    gcTime: 0,
  });
  return (
    <Dialog title={t('batch.titleAll', { verb: t(`verb.${action}`) })} onClose={props.onClose}>
      <QueryView of={plan}>
        {({ items }) => (
          <BatchForm
            {...props}
            able={items.flatMap(({ vmId, problem }) => (problem ? [] : [{ id: vmId, name: vmId }]))}
            left={items.flatMap(({ vmId, problem }) =>
              problem ? [{ id: vmId, name: vmId, reason: new ApiProblem(problem).message }] : [],
            )}
          />
        )}
      </QueryView>
    </Dialog>
  );
}

function BatchForm({ action, able, left, onClose, onBegun }: FormProps) {
  const { t } = useTranslation();
  const change = useChange();
  const call = calls.batch({ ids: able.map(({ id }) => id), action } as BatchInput);
  const names = able.slice(0, mostShown).map(({ name }) => name);
  const begin = () =>
    change.mutate(
      { call },
      {
        onSuccess: () => {
          onClose();
          onBegun();
        },
      },
    );
  return (
    <Stack>
      {left.length > 0 && (
        <>
          <Text>{t('batch.skip', { count: left.length })}</Text>
          <List size="sm">
            {left.slice(0, mostShown).map(({ id, name, reason }) => (
              <List.Item key={id}>
                {name}: {reason}
              </List.Item>
            ))}
          </List>
          {left.length > mostShown && <Text size="sm">{t('batch.more', { count: left.length - mostShown })}</Text>}
        </>
      )}
      {action === 'delete' && able.length > 0 && (
        <Text fw={600}>
          {t('batch.deleteWarning', { names: names.join(', ') })}{' '}
          {able.length > mostShown && t('batch.more', { count: able.length - mostShown })}
        </Text>
      )}
      {change.isError && <ProblemAlert error={change.error} />}
      <Group justify="space-between">
        <CopyCall call={call} />
        <Group gap="xs">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <ReasonedButton
            {...(action === 'delete' && { color: 'red.9' })}
            loading={change.isPending}
            reason={able.length === 0 ? left[0]?.reason : undefined}
            onClick={begin}
          >
            {t('batch.all', { verb: t(`verb.${action}`), count: able.length })}
          </ReasonedButton>
        </Group>
      </Group>
    </Stack>
  );
}
