import { List, Radio, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Vm } from '../api/client.ts';
import { formatGiB } from '../i18n/format.ts';
import { Dialog } from '../ui/dialog.tsx';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';

/** Says what goes and what stays, by the plan of the host, and wants the name typed. */
export function DeleteDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const [disks, setDisks] = useState<'delete' | 'keep'>('delete');
  const call = calls.remove(vm.id, disks);
  const planned = usePlanned(call, {
    ...{ isReady: true, atOnce: true },
    ...{ lossOf: vm.name, typesAlways: true },
    onDone: onClose,
  });
  return (
    <Dialog title={t('delete.title', { name: vm.name })} onClose={onClose}>
      <PlannedForm planned={planned} verb={t('verb.delete')} isPlaced={false} onCancel={onClose}>
        <Text>{t('delete.what')}</Text>
        <List size="sm">
          {vm.disks.map(({ device, sizeGiB, path }) => (
            <List.Item key={device}>
              {device} · {formatGiB(sizeGiB)} {path}
            </List.Item>
          ))}
          {vm.snapshotCount > 0 && <List.Item>{t('delete.snapshots', { count: vm.snapshotCount })}</List.Item>}
        </List>
        <Radio.Group label={t('delete.disks')} value={disks} onChange={(value) => setDisks(value as 'delete')}>
          <Stack gap="xs" mt="xs">
            <Radio value="delete" label={t('delete.disksDelete')} />
            <Radio value="keep" label={t('delete.disksKeep')} />
          </Stack>
        </Radio.Group>
        <Text size="sm">{t('delete.archive')}</Text>
      </PlannedForm>
    </Dialog>
  );
}
