import { ApiProblem } from '@polyvirt/api-client';
import { Alert, Button, Center, Code, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Permission } from '../api/client.ts';
import { useForbidden } from '../session/use-forbidden.ts';
import { CopyButton } from './copy.tsx';

/** The page as it will be, after a moment; most answers come before that. */
export function Loading({ rows = 6 }: { rows?: number }) {
  const { t } = useTranslation();
  return (
    <Stack className="skeleton-late" gap="sm" aria-busy aria-label={t('common.loading')} role="status">
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={28} />
      ))}
    </Stack>
  );
}

export function FrameSkeleton() {
  return (
    <Group align="flex-start" p="md" className="skeleton-late" wrap="nowrap">
      <Skeleton w={200} h="90vh" visibleFrom="sm" />
      <Stack flex={1}>
        <Loading rows={10} />
      </Stack>
    </Group>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Center p="xl">
      <Stack align="center" gap="sm">
        <Text size="lg">{title}</Text>
        {children}
      </Stack>
    </Center>
  );
}

/** What went wrong, what to do, and the id to find it by in the log of the gateway. */
export function ProblemAlert({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const { t } = useTranslation();
  const problem = error instanceof ApiProblem ? error.problem : undefined;
  return (
    <Alert color="red" variant="outline" title={problem?.title ?? t('problem.unreachable')} role="alert">
      <Stack gap="xs">
        <Text>{problem?.detail ?? t('problem.unreachableDetail')}</Text>
        {problem?.errors?.map(({ pointer, detail }) => (
          <Text key={pointer + detail} size="sm">
            <Code>{pointer}</Code> {detail}
          </Text>
        ))}
        {problem?.requestId && (
          <Group gap="xs">
            <Text size="sm">{t('problem.requestId')}</Text>
            <Code>{problem.requestId}</Code>
            <CopyButton value={problem.requestId} label={t('problem.copyRequestId')} />
          </Group>
        )}
        {retry && (
          <Group>
            <Button variant="default" size="xs" onClick={retry}>
              {t('common.retry')}
            </Button>
          </Group>
        )}
      </Stack>
    </Alert>
  );
}

interface QueryViewProps<Data> {
  readonly of: UseQueryResult<Data>;
  readonly children: (data: Data) => ReactNode;
}

/** Loading, failed, or there; what was known stays while it is renewed or cannot be. */
export function QueryView<Data>({ of, children }: QueryViewProps<Data>) {
  if (of.data !== undefined)
    return (
      <>
        {of.isError && <ProblemAlert error={of.error} retry={() => void of.refetch()} />}
        {children(of.data)}
      </>
    );
  if (of.isError) return <ProblemAlert error={of.error} retry={() => void of.refetch()} />;
  return <Loading />;
}

/** A page for those who may see it; others learn which role they lack. */
export function Guarded({ permission, children }: { permission: Permission; children: ReactNode }) {
  const { t } = useTranslation();
  const forbidden = useForbidden()(permission);
  if (forbidden === undefined) return <>{children}</>;
  return (
    <Empty title={t('forbidden.title')}>
      <Text>{forbidden}</Text>
    </Empty>
  );
}

export function PageTitle({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Group justify="space-between" mb="md">
      <Title order={1} size="h2">
        {title}
      </Title>
      <Group gap="xs">{children}</Group>
    </Group>
  );
}
