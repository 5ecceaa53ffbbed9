import { Anchor, Badge, Code, Collapse, Group, Progress, Stack, Text, UnstyledButton } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { memo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Operation } from '../api/client.ts';
import { formatDuration } from '../i18n/format.ts';
import { useForbidden } from '../session/use-forbidden.ts';
import { Ago } from '../ui/ago.tsx';
import { useQuickChange } from '../ui/change.ts';
import { CopyButton } from '../ui/copy.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { Empty } from '../ui/states.tsx';
import { dangerText, solid } from '../ui/colours.ts';

const colours = {
  pending: solid.calm,
  running: solid.busy,
  succeeded: solid.good,
  failed: solid.bad,
  cancelled: solid.calm,
} as const;
export const isRunning = ({ status }: Operation): boolean => status === 'pending' || status === 'running';

/** Running ones first, each with its steps; what failed says why and what was undone. */
export function OperationList({
  operations,
  latest,
}: {
  operations: readonly Operation[];
  latest?: string | undefined;
}) {
  const { t } = useTranslation();
  if (operations.length === 0) return <Empty title={t('operations.none')} />;
  const sorted = [...operations].sort((one, other) => Number(isRunning(other)) - Number(isRunning(one)));
  return (
    <Stack gap="xs" component="ul" p={0} m={0} aria-label={t('nav.operations')}>
      {sorted.map((operation) => (
        <OperationRow key={operation.id} operation={operation} opened={operation.id === latest} />
      ))}
    </Stack>
  );
}

const OperationRow = memo(function OperationRow({ operation, opened }: { operation: Operation; opened: boolean }) {
  const { t } = useTranslation();
  const change = useQuickChange();
  const [asked, setAsked] = useState<boolean>();
  const open = asked ?? (opened || operation.status === 'failed');
  const { id, verb, status, vmId, host, steps, error, progress, requestedBy, createdAt, startedAt, endedAt, result } =
    operation;
  const step = steps.findLast((one) => one.status === 'running') ?? steps.at(-1);
  const forbidden = useForbidden()('operation:control');
  return (
    <Stack component="li" gap={4} p="xs" bd="1px solid var(--mantine-color-default-border)" data-operation={status}>
      <UnstyledButton onClick={() => setAsked(!open)} aria-expanded={open}>
        <Group justify="space-between" wrap="nowrap">
          <Text fw={600} truncate>
            {verb}
          </Text>
          <Badge color={colours[status]}>{t(`operation.${status}`)}</Badge>
        </Group>
        <Text size="sm" truncate>
          {requestedBy} · <Ago at={createdAt} /> · {formatDuration(startedAt, endedAt)}
        </Text>
      </UnstyledButton>
      {vmId !== undefined ? (
        <Anchor size="sm" component={Link} to="/machines/$vmId" params={{ vmId } as never} truncate>
          {vmId}
        </Anchor>
      ) : (
        host !== undefined && <Text size="sm">{host}</Text>
      )}
      {isRunning(operation) && <Progress value={progress} animated aria-label={step?.name ?? verb} />}
      {isRunning(operation) && step && <Text size="sm">{step.name}</Text>}
      <Collapse expanded={open}>
        <Stack gap={4}>
          {steps.map(({ name, status: ended, native, durationMs }, index) => (
            <Text key={index} size="sm">
              {t(`step.${ended}`)} · {name}
              {durationMs !== undefined && ` · ${(durationMs / 1_000).toFixed(1)} s`} {native && <Code>{native}</Code>}
            </Text>
          ))}
          {result?.notes?.map((note) => (
            <Text key={note} size="sm">
              {note}
            </Text>
          ))}
          {error && (
            <Text size="sm" c={dangerText} role="alert">
              {error.detail}
            </Text>
          )}
          <Group gap="xs">
            <Code>{id}</Code>
            <CopyButton value={id} label={t('common.copyId')} />
            {error && <CopyButton value={JSON.stringify(error, undefined, 2)} label={t('operations.copyError')} />}
          </Group>
          <Group gap="xs">
            {isRunning(operation) && (
              <ReasonedButton size="xs" variant="default" reason={forbidden} onClick={() => change(calls.cancel(id))}>
                {t('operations.cancel')}
              </ReasonedButton>
            )}
            {(status === 'failed' || status === 'cancelled') && (
              <ReasonedButton size="xs" variant="default" reason={forbidden} onClick={() => change(calls.retry(id))}>
                {t('operations.retry')}
              </ReasonedButton>
            )}
          </Group>
        </Stack>
      </Collapse>
    </Stack>
  );
});
