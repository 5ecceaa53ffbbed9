import { ApiProblem } from '@polyvirt/api-client';
import { Code, Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queries } from '../api/queries.ts';
import { formatBytes } from '../i18n/format.ts';
import { useForbidden } from '../session/use-forbidden.ts';
import { Ago } from '../ui/ago.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { Empty, Guarded, QueryView } from '../ui/states.tsx';
import { ArchiveFile } from './archive-file.tsx';

export function MachineArchive({ vmId }: { vmId: string }) {
  return (
    <Guarded permission="archive:read">
      <Folder vmId={vmId} />
    </Guarded>
  );
}

function Folder({ vmId }: { vmId: string }) {
  const { t } = useTranslation();
  const archive = useQuery(queries.archive(vmId));
  const forbidden = useForbidden()('host:files');
  const [shown, setShown] = useState<string>();
  if (archive.error instanceof ApiProblem && archive.error.code === 'archive-not-found')
    return <Empty title={t('archive.never')} />;
  return (
    <QueryView of={archive}>
      {({ path, files, history, deletedAt }) => (
        <Stack>
          <Text>
            <Code>{path}</Code>
          </Text>
          {deletedAt !== undefined && (
            <Text>
              {t('archive.deleted')} <Ago at={deletedAt} />
            </Text>
          )}
          <Title order={2} size="h4">
            {t('archive.files')}
          </Title>
          <Table>
            <Table.Tbody>
              {files.map((file) => (
                <Table.Tr key={file.path}>
                  <Table.Td>
                    <ReasonedButton
                      variant="subtle"
                      size="compact-sm"
                      reason={forbidden}
                      onClick={() => setShown(file.path)}
                    >
                      {file.path}
                    </ReasonedButton>
                  </Table.Td>
                  <Table.Td>{formatBytes(file.bytes)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
          <Title order={2} size="h4">
            {t('archive.history')}
          </Title>
          <Table>
            <Table.Tbody>
              {history.map(({ at, event, detail, by }, index) => (
                <Table.Tr key={index}>
                  <Table.Td>
                    <Ago at={at} />
                  </Table.Td>
                  <Table.Td>{event}</Table.Td>
                  <Table.Td>{detail}</Table.Td>
                  <Table.Td>{by}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
          {shown !== undefined && <ArchiveFile vmId={vmId} path={shown} onClose={() => setShown(undefined)} />}
        </Stack>
      )}
    </QueryView>
  );
}
