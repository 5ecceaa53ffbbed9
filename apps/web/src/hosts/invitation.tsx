import { Alert, Button, Code, Group, Loader, Stack, Text } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { client, type JoinInvitation } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { CopyButton } from '../ui/copy.tsx';
import { ProblemAlert } from '../ui/states.tsx';
import { TimeLeft, useIsOver } from '../ui/time-left.tsx';

interface Props {
  readonly first: JoinInvitation;
  /** When a machine had joined as this host before; it is another time once somebody joins by the line. */
  readonly joinedBefore?: string | undefined;
  onClose(): void;
}

export const rotateHost = async (hostId: string): Promise<JoinInvitation> =>
  (await client.POST('/api/v1/hosts/{hostId}/rotate', { params: { path: { hostId } } })).data;

/** The line to run on a host, for as long as it is good, and whether its agent is there. */
export function Invitation({ first, joinedBefore, onClose }: Props) {
  const { t } = useTranslation();
  const hosts = useQuery(queries.hosts());
  const again = useMutation({ mutationFn: () => rotateHost(first.host) });
  const { host: id, command, expiresAt, notes } = again.data ?? first;
  const isExpired = useIsOver(expiresAt);
  const host = hosts.data?.find((one) => one.id === id);
  const hasJoined = host?.join?.joinedAt !== undefined && host.join.joinedAt !== joinedBefore;
  const isThere = hasJoined && (host.state === 'ready' || host.state === 'draining');
  if (isThere)
    return (
      <Stack>
        <Alert color="teal" variant="outline" icon={<IconCheck />} role="status" data-joined={id}>
          {t('hosts.hasJoined', { host: id, address: host.join?.joinedFrom ?? '' })}{' '}
          {t('hosts.machines', { count: host.totals.vms })}
        </Alert>
        <Group justify="flex-end">
          <Button data-autofocus onClick={onClose}>
            {t('common.close')}
          </Button>
        </Group>
      </Stack>
    );
  return (
    <Stack>
      {isExpired && !hasJoined ? (
        <Alert color="orange" variant="outline" role="alert">
          {t('hosts.expired')}
        </Alert>
      ) : (
        <>
          <Text size="sm">{t('hosts.run', { host: id })}</Text>
          <Group gap="xs" wrap="nowrap" align="flex-start">
            <Code block flex={1} tabIndex={0} aria-label={t('hosts.line')} style={{ overflowWrap: 'anywhere' }}>
              {command}
            </Code>
            <CopyButton value={command} label={t('hosts.copyLine')} />
          </Group>
          {notes.map((note) => (
            <Text key={note} size="sm" role="note">
              {note}
            </Text>
          ))}
          <Group gap="xs">
            <Loader size="xs" aria-hidden />
            <Text size="sm" role="status">
              {t(hasJoined ? 'hosts.starting' : 'hosts.waiting', { host: id })}
            </Text>
            {!hasJoined && (
              <Text size="sm">
                {t('hosts.left')} <TimeLeft until={expiresAt} />
              </Text>
            )}
          </Group>
        </>
      )}
      {again.isError && <ProblemAlert error={again.error} />}
      <Group justify="flex-end">
        {isExpired && !hasJoined && (
          <Button loading={again.isPending} onClick={() => again.mutate()}>
            {t('hosts.anotherLine')}
          </Button>
        )}
        <Button variant="default" onClick={onClose}>
          {t('common.close')}
        </Button>
      </Group>
    </Stack>
  );
}
