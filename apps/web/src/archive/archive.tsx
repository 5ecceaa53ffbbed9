import { Anchor, Table, TextInput } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { queries } from '../api/queries.ts';
import { MachineArchive } from '../machine/machine-archive.tsx';
import { archiveRoute } from '../routes/router.tsx';
import { Ago } from '../ui/ago.tsx';
import { Empty, Guarded, PageTitle, QueryView } from '../ui/states.tsx';

/** The folders of every machine that there is or was. */
export function ArchivePage() {
  const { t } = useTranslation();
  const { q = '', vm } = archiveRoute.useSearch();
  return (
    <Guarded permission="archive:read">
      <PageTitle title={t('nav.archive')}>
        {vm !== undefined && (
          <Anchor component={Link} to="/archive">
            {t('archive.all')}
          </Anchor>
        )}
      </PageTitle>
      {vm !== undefined ? <MachineArchive vmId={vm} /> : <All q={q} />}
    </Guarded>
  );
}

function All({ q }: { q: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const list = useQuery({ ...queries.archives(q), placeholderData: keepPreviousData });
  return (
    <>
      <TextInput
        mb="md"
        aria-label={t('archive.search')}
        placeholder={t('archive.search')}
        value={q}
        onChange={({ currentTarget: { value } }) =>
          void navigate({ to: '/archive', search: value === '' ? {} : { q: value }, replace: true })
        }
      />
      <QueryView of={list}>
        {(archives) =>
          archives.length === 0 ? (
            <Empty title={t('archive.none')} />
          ) : (
            <Table.ScrollContainer minWidth={560}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t('column.name')}</Table.Th>
                    <Table.Th>{t('archive.folder')}</Table.Th>
                    <Table.Th>{t('archive.updated')}</Table.Th>
                    <Table.Th>{t('archive.deleted')}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {archives.map(({ vmId, name, folder, updatedAt, deletedAt }) => (
                    <Table.Tr key={vmId}>
                      <Table.Td>
                        <Anchor component={Link} to="/archive" search={{ vm: vmId } as never}>
                          {name}
                        </Anchor>
                      </Table.Td>
                      <Table.Td>{folder}</Table.Td>
                      <Table.Td>
                        <Ago at={updatedAt} />
                      </Table.Td>
                      <Table.Td>{deletedAt !== undefined && <Ago at={deletedAt} />}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )
        }
      </QueryView>
    </>
  );
}
