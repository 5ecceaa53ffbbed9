import { Code, List, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Call } from '../api/calls.ts';
import { planOf } from '../api/changes.ts';
import type { Plan } from '../api/client.ts';
import { unknown } from '../i18n/format.ts';
import { CopyCall } from './copy-call.tsx';
import { Loading } from './states.tsx';

export interface Review {
  /** The plan of exactly this call; undefined until it has been asked for, and again after every edit. */
  readonly plan: Plan | undefined;
  readonly isPending: boolean;
  /** What the change would end with. */
  readonly error: Error | undefined;
  /** Asks for the plan, anew if it has been asked for before. */
  readonly ask: () => void;
}

/**
 * What a call would do. A plan is only good for the call that it was asked for, so an edit makes it go away; with `atOnce` it is
 * asked for by itself, as where there is nothing to fill in.
 */
export function useReview(call: Call, ifMatch?: string, atOnce = false): Review {
  const key = JSON.stringify([call, ifMatch]);
  const [asked, setAsked] = useState<string>();
  const { data, error, isFetching, refetch } = useQuery({
    // The call itself is the key, and may hold a password: nothing is kept once nobody looks.
    queryKey: ['plan', key],
    queryFn: () => planOf(call, ifMatch),
    enabled: atOnce || asked === key,
    staleTime: 0,
    gcTime: 0,
  });
  return {
    plan: isFetching || error ? undefined : data,
    isPending: isFetching,
    error: isFetching ? undefined : (error ?? undefined),
    ask: () => {
      if (atOnce || asked === key) void refetch();
      else setAsked(key);
    },
  };
}

const shown = (value: unknown): string =>
  value === undefined ? unknown : typeof value === 'object' ? JSON.stringify(value) : String(value as string);

type Change = Pick<Plan['changes'][number], 'pointer' | 'from' | 'to'> & { when?: Plan['changes'][number]['when'] };

/** A machine that comes to be is one change of everything; people read it by its fields. */
function byField({ pointer, from, to, when }: Change): Change[] {
  if (pointer !== '' || typeof to !== 'object' || to === null || from !== undefined)
    return [{ pointer, from, to, ...(when && { when }) }];
  return Object.entries(to).map(([field, value]) => ({
    pointer: `/${field}`,
    to: value as unknown,
    ...(when && { when }),
  }));
}

/** Values as they are and as they will be. */
export function Changes({ changes }: { changes: readonly Change[] }) {
  const { t } = useTranslation();
  const rows = changes.flatMap(byField);
  const timed = rows.some(({ when }) => when !== undefined);
  return (
    <Table aria-label={t('plan.changes')}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t('plan.what')}</Table.Th>
          <Table.Th>{t('plan.from')}</Table.Th>
          <Table.Th>{t('plan.to')}</Table.Th>
          {timed && <Table.Th>{t('plan.when')}</Table.Th>}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody style={{ overflowWrap: 'anywhere' }}>
        {rows.map(({ pointer, from, to, when }, index) => (
          <Table.Tr key={`${pointer} ${index}`}>
            <Table.Th scope="row" fw={400}>
              <Code>{pointer}</Code>
            </Table.Th>
            <Table.Td>{shown(from)}</Table.Td>
            <Table.Td>{shown(to)}</Table.Td>
            {timed && <Table.Td>{when && t(`plan.at_${when}`)}</Table.Td>}
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** The last step before a change: what it does, what the machine suffers, and what speaks against it. */
export function PlanView({ review: { plan, isPending }, call }: { review: Review; call: Call }) {
  const { t } = useTranslation();
  if (isPending) return <Loading rows={3} />;
  if (!plan) return undefined;
  const waits = plan.changes.some(({ when }) => when === 'next-power-off');
  return (
    <Stack gap="sm" component="section" aria-label={t('plan.title')} data-disruption={plan.disruption}>
      <Text fw={600}>{t(`plan.disruption_${plan.disruption}`)}</Text>
      {waits && <Text size="sm">{t('plan.waits')}</Text>}
      {plan.partial && (
        <Text size="sm" role="note">
          {t('plan.partial')}
        </Text>
      )}
      {plan.warnings.map(({ code, detail }) => (
        <Text key={code + detail} size="sm" role="note">
          {t('plan.warning', { detail })}
        </Text>
      ))}
      {plan.changes.length === 0 ? <Text>{t('plan.nothing')}</Text> : <Changes changes={plan.changes} />}
      {plan.steps.length > 0 && (
        <List type="ordered" size="sm" aria-label={t('plan.steps')}>
          {plan.steps.map(({ name, native }, index) => (
            <List.Item key={index}>
              {name} {native !== undefined && <Code>{native}</Code>}
            </List.Item>
          ))}
        </List>
      )}
      <CopyCall call={call} />
    </Stack>
  );
}
