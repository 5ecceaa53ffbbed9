import { Button, Group, List, Modal, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Vm } from '../api/client.ts';
import { formatGiB } from '../i18n/format.ts';
import { useChange } from '../ui/change.ts';
import { ProblemAlert } from '../ui/states.tsx';

/** Says what goes and what stays, and wants the name typed. */
export function DeleteDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState('');
  const [disks, setDisks] = useState<'delete' | 'keep'>('delete');
  const change = useChange();
  const ready = typed === vm.name;
  const remove = () => ready && change.mutate({ call: calls.remove(vm.id, disks) }, { onSuccess: onClose });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('delete.title', { name: vm.name })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          remove();
        }}
      >
        <Stack>
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
          <TextInput
            label={t('delete.type', { name: vm.name })}
            autoComplete="off"
            data-autofocus
            value={typed}
            onChange={({ currentTarget }) => setTyped(currentTarget.value)}
          />
          {change.isError && <ProblemAlert error={change.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button
              type="submit"
              color="red.9"
              loading={change.isPending}
              {...(!ready && { 'data-disabled': true, 'aria-disabled': true })}
            >
              {t('verb.delete')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
