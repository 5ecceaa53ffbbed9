import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Host } from '../api/client.ts';
import { Dialog } from '../ui/dialog.tsx';
import { ProblemAlert } from '../ui/states.tsx';
import { Invitation, rotateHost } from './invitation.tsx';

/** Another line for a host, by which its agent gets another key. */
export function RotateDialog({ host, onClose }: { host: Host; onClose: () => void }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const [joinedBefore] = useState(host.join?.joinedAt);
  const rotate = useMutation({
    mutationFn: () => rotateHost(host.id),
    onSuccess: () => cache.invalidateQueries({ queryKey: ['hosts'] }),
  });
  return (
    <Dialog title={t('hosts.rotateOf', { host: host.id })} size="lg" onClose={onClose}>
      {rotate.data ? (
        <Invitation first={rotate.data} joinedBefore={joinedBefore} onClose={onClose} />
      ) : (
        <Stack>
          <Text>{t(joinedBefore === undefined ? 'hosts.rotateNew' : 'hosts.rotateWhat')}</Text>
          {rotate.isError && <ProblemAlert error={rotate.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button loading={rotate.isPending} onClick={() => rotate.mutate()}>
              {t('hosts.makeLine')}
            </Button>
          </Group>
        </Stack>
      )}
    </Dialog>
  );
}
