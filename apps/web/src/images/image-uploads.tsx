import { Button, Card, FileButton, Group, Progress, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { queries } from '../api/queries.ts';
import { formatBytes, formatPercent } from '../i18n/format.ts';
import { useMe } from '../session/session.tsx';
import { dangerText } from '../ui/colours.ts';
import { ProblemAlert } from '../ui/states.tsx';
import { AddImageDialog } from './add-image-dialog.tsx';
import { isSent, uploads, type ImageUpload } from './uploads.ts';

/** What is being uploaded, or was when the page was reloaded. */
export function ImageUploads() {
  const { t } = useTranslation();
  const { user } = useMe();
  const all = useSyncExternalStore(uploads.listen, uploads.all);
  const [unfinished, setUnfinished] = useState<ImageUpload>();
  const hosts = useQuery(queries.hosts());
  useEffect(() => void uploads.lookUp(), []);
  const ours = all.filter((upload) => upload.user === user.id);
  return (
    <>
      {ours.length > 0 && (
        <Stack component="section" gap="xs" aria-label={t('images.uploads')}>
          {ours.map((upload) => (
            <UploadCard key={upload.key} upload={upload} onEdit={() => setUnfinished(upload)} />
          ))}
        </Stack>
      )}
      {unfinished && (
        <AddImageDialog
          hosts={hosts.data?.filter(({ capabilities }) => capabilities.images.available) ?? []}
          upload={unfinished}
          onClose={() => setUnfinished(undefined)}
        />
      )}
    </>
  );
}

function UploadCard({ upload, onEdit }: { upload: ImageUpload; onEdit: () => void }) {
  const { t } = useTranslation();
  const [isOther, setOther] = useState(false);
  const { key, name, host, file, sentBytes, state, error } = upload;
  const percent = file.bytes === 0 ? 100 : (100 * sentBytes) / file.bytes;
  const isThere = isSent(upload);
  const needsFile = state === 'fileless' && !isThere;
  return (
    <Card withBorder data-upload={state} role="group" aria-label={t('images.uploadOf', { file: file.name })}>
      <Stack gap="xs">
        <Group justify="space-between">
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {t('images.uploadTo', { name, host })}
          </Text>
          <Text size="sm" role="status">
            {t(`images.upload_${state}`)}
          </Text>
        </Group>
        <Progress value={percent} aria-label={t('images.uploadOf', { file: file.name })} />
        <Text size="sm">
          {t('images.sent', {
            sent: formatBytes(sentBytes),
            all: formatBytes(file.bytes),
            percent: formatPercent(Math.floor(percent)),
          })}
        </Text>
        {needsFile && <Text size="sm">{t('images.chooseAgain', { file: file.name })}</Text>}
        {isOther && (
          <Text size="sm" c={dangerText} role="alert">
            {t('images.otherFile', { file: file.name, size: formatBytes(file.bytes) })}
          </Text>
        )}
        {state === 'failed' && <ProblemAlert error={error} />}
        <Group gap="xs">
          {state === 'sending' && (
            <Button size="xs" variant="default" onClick={() => uploads.pause(key)}>
              {t('images.pause')}
            </Button>
          )}
          {state === 'paused' && (
            <Button size="xs" onClick={() => uploads.resume(key)}>
              {t('images.resume')}
            </Button>
          )}
          {state === 'failed' && (
            <Button size="xs" onClick={() => uploads.resume(key)}>
              {t('common.retry')}
            </Button>
          )}
          {needsFile && (
            <FileButton onChange={(chosen) => chosen && setOther(!uploads.resumeWith(key, chosen))}>
              {(props) => (
                <Button {...props} size="xs">
                  {t('images.chooseFile')}
                </Button>
              )}
            </FileButton>
          )}
          {isThere && (state === 'failed' || state === 'fileless') && (
            <Button size="xs" variant="default" onClick={onEdit}>
              {t('images.finish')}
            </Button>
          )}
          {state !== 'adding' && (
            <Button size="xs" variant="default" onClick={() => void uploads.discard(key)}>
              {t('images.discard')}
            </Button>
          )}
        </Group>
      </Stack>
    </Card>
  );
}
