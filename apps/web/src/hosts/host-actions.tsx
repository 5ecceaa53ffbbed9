import { Group } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client, type Host } from '../api/client.ts';
import { useLink } from '../live/live.tsx';
import { useForbidden } from '../session/use-forbidden.ts';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { ProblemAlert } from '../ui/states.tsx';
import { RemoveHostDialog } from './remove-host-dialog.tsx';
import { RotateDialog } from './rotate-dialog.tsx';

/** What an administrator does with a host; what cannot be done now stays in its place and says why. */
export function HostActions({ host }: { host: Host }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const forbidden = useForbidden()('host:manage');
  const isLost = useLink().state === 'lost';
  const [asked, setAsked] = useState<'rotate' | 'remove'>();
  const { id, join, state, drain } = host;
  const draining = drain === undefined;
  const change = useMutation({
    mutationFn: () =>
      client.POST('/api/v1/hosts/{hostId}/drain', { params: { path: { hostId: id } }, body: { draining } }),
    onSettled: () => cache.invalidateQueries({ queryKey: ['hosts'] }),
  });
  const obstacle = forbidden ?? (isLost ? t('obstacle.link') : undefined);
  // Its credential is not from here, so that nobody can take it away here while the agent is there.
  const isForeign = join === undefined;
  return (
    <>
      {change.isError && <ProblemAlert error={change.error} />}
      <Group gap="xs">
        <ConfirmButton
          label={t(draining ? 'hosts.drain' : 'hosts.undrain')}
          question={t(draining ? 'hosts.drainWhat' : 'hosts.undrainWhat', { host: id })}
          reason={obstacle}
          onConfirm={() => change.mutate()}
        />
        <ReasonedButton
          size="xs"
          variant="default"
          reason={obstacle ?? (isForeign ? t('hosts.foreignKey') : undefined)}
          onClick={() => setAsked('rotate')}
        >
          {t(state === 'joining' ? 'hosts.anotherLine' : 'hosts.rotate')}
        </ReasonedButton>
        <ReasonedButton
          size="xs"
          variant="default"
          reason={obstacle ?? (isForeign && state !== 'offline' ? t('hosts.foreignAgent') : undefined)}
          onClick={() => setAsked('remove')}
        >
          {t('hosts.remove')}
        </ReasonedButton>
      </Group>
      {asked === 'rotate' && <RotateDialog host={host} onClose={() => setAsked(undefined)} />}
      {asked === 'remove' && <RemoveHostDialog host={host} onClose={() => setAsked(undefined)} />}
    </>
  );
}
