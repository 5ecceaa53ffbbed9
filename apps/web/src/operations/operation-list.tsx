import { Anchor, Badge, Code, Collapse, Group, Progress, Stack, Text, UnstyledButton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { memo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Operation } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { formatDuration, formatNumber } from '../i18n/format.ts';
import { useForbidden } from '../session/use-forbidden.ts';
import { Ago } from '../ui/ago.tsx';
import { useQuickChange } from '../ui/change.ts';
import { CopyButton } from '../ui/copy.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { Empty, QueryView } from '../ui/states.tsx';
import { dangerText, solid } from '../ui/colours.ts';

const colours = {
  pending: solid.calm,
  running: solid.busy,
  succeeded: solid.good,
  failed: solid.bad,
  cancelled: solid.calm,
} as const;
const batchVerb = 'batch';
export const isRunning = ({ status }: Operation): boolean => status === 'pending' || status === 'running';

/** Running ones first, each with its steps, a batch with its parts; what failed says why and what was undone. */
export function OperationList({
  operations,
  latest,
}: {
  operations: readonly Operation[];
  latest?: string | undefined;
}) {
  const { t } = useTranslation();
  if (operations.length === 0) return <Empty title={t('operations.none')} />;
  const batches = new Set(operations.flatMap(({ id, verb }) => (verb === batchVerb ? [id] : [])));
  const sorted = operations
    .filter(({ parent }) => parent === undefined || !batches.has(parent))
    .sort((one, other) => Number(isRunning(other)) - Number(isRunning(one)));
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
      {result?.succeeded !== undefined && (
        <Text size="sm">
          {t('operations.parts', {
            succeeded: formatNumber(result.succeeded),
            failed: formatNumber(result.failed ?? 0),
            skipped: formatNumber(result.skipped ?? 0),
          })}
        </Text>
      )}
      <Collapse expanded={open}>
        <Stack gap={4}>
          {open && verb === batchVerb && <Parts of={operation} />}
          {steps.map(({ name, status: ended, native, durationMs }, index) => (
            <Text key={index} size="sm">
              {t(`step.${ended}`)} · {name}
              {durationMs !== undefined && ` · ${formatNumber(durationMs / 1_000, 1)} s`}{' '}
              {native && <Code>{native}</Code>}
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

/** Those that failed first, each with its reason. */
function Parts({ of: { id, status } }: { of: Operation }) {
  const { t } = useTranslation();
  const parts = useQuery({ ...queries.operations({ parent: id }), staleTime: 0 });
  return (
    <QueryView of={parts}>
      {(list) => (
        <Stack gap={4} component="ul" p={0} m={0} aria-label={t('operations.partsOf')} data-batch={status}>
          {[...list]
            .sort((one, other) => Number(other.status === 'failed') - Number(one.status === 'failed'))
            .map((part) => (
              <Group key={part.id} component="li" gap="xs" wrap="nowrap" data-part={part.status}>
                <Badge color={colours[part.status]} style={{ flexShrink: 0 }}>
                  {t(`operation.${part.status}`)}
                </Badge>
                <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
                  {part.vmId !== undefined && (
                    <Anchor
                      component={Link}
                      underline="always"
                      to="/machines/$vmId"
                      params={{ vmId: part.vmId } as never}
                    >
                      {part.vmId}
                    </Anchor>
                  )}{' '}
                  {part.error?.detail}
                </Text>
              </Group>
            ))}
        </Stack>
      )}
    </QueryView>
  );
}
