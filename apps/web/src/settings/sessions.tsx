import { Button, Card, Group, Stack, Table, Text, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { client } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { Ago } from '../ui/ago.tsx';
import { ProblemAlert, QueryView } from '../ui/states.tsx';

/** Where the user is logged in. */
export function Sessions() {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const sessions = useQuery({ ...queries.sessions(), staleTime: 0 });
  const end = useMutation({
    mutationFn: (id: string | undefined) =>
      id === undefined
        ? client.DELETE('/api/v1/auth/sessions')
        : client.DELETE('/api/v1/auth/sessions/{id}', { params: { path: { id } } }),
    onSettled: () => cache.invalidateQueries({ queryKey: queries.sessions().queryKey }),
  });
  return (
    <Card withBorder component="section">
      <Stack>
        <Title order={2} size="h4">
          {t('sessions.title')}
        </Title>
        {end.error && <ProblemAlert error={end.error} />}
        <QueryView of={sessions}>
          {(list) => (
            <Table>
              <Table.Tbody>
                {list.map(({ id, address, client: program, lastUsedAt, current }) => (
                  <Table.Tr key={id}>
                    <Table.Td>
                      <Text size="sm">{program ?? t('sessions.unknown')}</Text>
                      <Text size="sm" c="dimmed">
                        {address}
                      </Text>
                    </Table.Td>
                    <Table.Td>{current ? t('sessions.current') : <Ago at={lastUsedAt} />}</Table.Td>
                    <Table.Td>
                      {!current && (
                        <Button
                          size="xs"
                          variant="default"
                          aria-label={t('sessions.endOf', { address })}
                          onClick={() => end.mutate(id)}
                        >
                          {t('sessions.end')}
                        </Button>
                      )}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          )}
        </QueryView>
        <Group>
          <Button variant="default" loading={end.isPending} onClick={() => end.mutate(undefined)}>
            {t('sessions.endOthers')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}
