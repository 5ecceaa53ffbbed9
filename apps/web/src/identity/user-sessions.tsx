import { Button, Stack, Table, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client, type User } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { Ago } from '../ui/ago.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Empty, ProblemAlert, QueryView } from '../ui/states.tsx';

/** Where another user is logged in, and the end of all of it. */
export function UserSessions({ user }: { user: User }) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setOpen(true)}>
        {t('users.sessions')}
      </Button>
      {isOpen && <Sessions user={user} onClose={() => setOpen(false)} />}
    </>
  );
}

function Sessions({ user, onClose }: { user: User; onClose: () => void }) {
  const { t } = useTranslation();
  const sessions = useQuery({ ...queries.userSessions(user.id), staleTime: 0 });
  const end = useMutation({
    mutationFn: () => client.DELETE('/api/v1/users/{id}/sessions', { params: { path: { id: user.id } } }),
    onSettled: () => sessions.refetch(),
  });
  return (
    <Dialog title={t('users.sessionsOf', { name: user.username })} size="lg" onClose={onClose}>
      <Stack>
        {end.error && <ProblemAlert error={end.error} />}
        <QueryView of={sessions}>
          {(list) =>
            list.length === 0 ? (
              <Empty title={t('users.noSessions')} />
            ) : (
              <>
                <Table>
                  <Table.Tbody>
                    {list.map(({ id, address, client: program, lastUsedAt }) => (
                      <Table.Tr key={id}>
                        <Table.Td>{program ?? t('sessions.unknown')}</Table.Td>
                        <Table.Td>{address}</Table.Td>
                        <Table.Td>
                          <Ago at={lastUsedAt} />
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
                <Text size="sm">{t('users.tokensStay')}</Text>
                <Button color="red.9" loading={end.isPending} onClick={() => end.mutate()}>
                  {t('users.logOut')}
                </Button>
              </>
            )
          }
        </QueryView>
      </Stack>
    </Dialog>
  );
}
