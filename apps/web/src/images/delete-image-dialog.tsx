import { Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import { formatGiB } from '../i18n/format.ts';
import { Dialog } from '../ui/dialog.tsx';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import type { HostImage } from './image-table.tsx';

export function DeleteImageDialog({ host, image, onClose }: HostImage & { onClose(): void }) {
  const { t } = useTranslation();
  const { name, sizeGiB, path } = image;
  const call = calls.removeImage(host.id, image);
  const planned = usePlanned(call, { isReady: true, atOnce: true, lossOf: name, onDone: onClose });
  return (
    <Dialog title={t('images.deleteOf', { name })} onClose={onClose}>
      <PlannedForm planned={planned} verb={t('verb.delete')} isPlaced={false} onCancel={onClose}>
        <Text style={{ overflowWrap: 'anywhere' }}>
          {host.id} · {formatGiB(sizeGiB)} {path}
        </Text>
      </PlannedForm>
    </Dialog>
  );
}
