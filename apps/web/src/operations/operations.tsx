import { Button, Group, Select, TextInput } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Operation } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { operationsRoute } from '../routes/router.tsx';
import { Empty, Guarded, PageTitle, QueryView } from '../ui/states.tsx';
import { OperationList } from './operation-list.tsx';

const statuses: readonly Operation['status'][] = ['pending', 'running', 'succeeded', 'failed', 'cancelled'];

export function Operations() {
  const { t } = useTranslation();
  return (
    <Guarded permission="operation:read">
      <PageTitle title={t('nav.operations')} />
      <All />
    </Guarded>
  );
}

function All() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const filter = operationsRoute.useSearch();
  const list = useQuery({ ...queries.operations(filter), placeholderData: keepPreviousData });
  const search = (next: { [Field in keyof typeof filter]: string | undefined }) =>
    void navigate({ to: '/operations', search: { ...filter, ...next } as never, replace: true });
  const isFiltered = Object.keys(filter).length > 0;
  return (
    <>
      <Group mb="md" align="flex-end">
        <Select
          label={t('operations.status')}
          clearable
          clearButtonProps={{ 'aria-label': t('machines.clearFilter') }}
          data={statuses.map((value) => ({ value, label: t(`operation.${value}`) }))}
          value={filter.status ?? null}
          onChange={(value) => search({ status: value ?? undefined })}
        />
        <TextInput
          label={t('operations.verb')}
          value={filter.verb ?? ''}
          onChange={({ currentTarget: { value } }) => search({ verb: value || undefined })}
        />
        <TextInput
          label={t('audit.actor')}
          value={filter.requestedBy ?? ''}
          onChange={({ currentTarget: { value } }) => search({ requestedBy: value || undefined })}
        />
      </Group>
      <QueryView of={list}>
        {(operations) =>
          operations.length === 0 && isFiltered ? (
            <Empty title={t('operations.noMatch')}>
              <Button variant="default" onClick={() => void navigate({ to: '/operations', replace: true })}>
                {t('machines.clearFilter')}
              </Button>
            </Empty>
          ) : (
            <OperationList operations={operations} />
          )
        }
      </QueryView>
    </>
  );
}
