import { Group, Select, Table, TextInput } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { queries } from '../api/queries.ts';
import { formatTime } from '../i18n/format.ts';
import { auditRoute } from '../routes/router.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Empty, Guarded, PageTitle, QueryView } from '../ui/states.tsx';
import { AuditExport } from './audit-export.tsx';
import { AuditVerdict } from './audit-verdict.tsx';

const outcomes = ['accepted', 'succeeded', 'failed', 'cancelled', 'refused'] as const;

/** Who did what, from where, and how it ended. */
export function Audit() {
  const { t } = useTranslation();
  return (
    <Guarded permission="audit:read">
      <PageTitle title={t('nav.audit')} />
      <Group mb="md" align="flex-start">
        <AuditVerdict />
        <AuditExport />
      </Group>
      <Records />
    </Guarded>
  );
}

function Records() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { actor, outcome } = auditRoute.useSearch();
  const filter = { ...(actor !== undefined && { actor }), ...(outcome !== undefined && { outcome }) };
  const list = useQuery({ ...queries.audit(filter), placeholderData: keepPreviousData, staleTime: 0 });
  const search = (next: { actor?: string | undefined; outcome?: string | undefined }) =>
    void navigate({ to: '/audit', search: { ...filter, ...next } as never, replace: true });
  return (
    <>
      <Group mb="md">
        <TextInput
          label={t('audit.actor')}
          value={actor ?? ''}
          onChange={({ currentTarget: { value } }) => search({ actor: value || undefined })}
        />
        <Select
          label={t('audit.outcome')}
          clearable
          data={outcomes.map((value) => ({ value, label: t(`outcome.${value}`) }))}
          value={outcome ?? null}
          onChange={(value) => search({ outcome: value ?? undefined })}
        />
      </Group>
      <QueryView of={list}>
        {(records) =>
          records.length === 0 ? (
            <Empty title={t('audit.none')} />
          ) : (
            <DataTable
              label={t('nav.audit')}
              minWidth={720}
              heads={[
                t('metrics.time'),
                t('audit.actor'),
                t('audit.address'),
                t('audit.action'),
                t('audit.target'),
                t('audit.outcome'),
              ]}
            >
              {records.map((record) => (
                <Table.Tr key={record.id}>
                  <Table.Td>{formatTime(record.at)}</Table.Td>
                  <Table.Td>{record.actor}</Table.Td>
                  <Table.Td>{record.address}</Table.Td>
                  <Table.Td>{record.action}</Table.Td>
                  <Table.Td>{record.target}</Table.Td>
                  <Table.Td>
                    {t(`outcome.${record.outcome}`)} {record.code}
                  </Table.Td>
                </Table.Tr>
              ))}
            </DataTable>
          )
        }
      </QueryView>
    </>
  );
}
