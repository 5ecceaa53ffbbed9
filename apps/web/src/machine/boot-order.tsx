import { ActionIcon, Button, Group, Input, List, Text } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { BootDevice, Vm } from '../api/client.ts';
import { unknown } from '../i18n/format.ts';
import { useObstacle } from '../machines/use-obstacle.ts';
import { Dialog } from '../ui/dialog.tsx';
import { faultsOf, isAllAt } from '../ui/faults.ts';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { DeviceSection } from './device-section.tsx';

const devices: readonly BootDevice[] = ['disk', 'cdrom', 'network'];

export function BootOrder({ vm }: { vm: Vm }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const [editing, setEditing] = useState(false);
  return (
    <DeviceSection
      vm={vm}
      title={t('devices.bootOrder')}
      live={[]}
      actions={
        <ReasonedButton
          size="xs"
          variant="default"
          reason={obstacle('bootOrder', vm)}
          label={t('devices.editBootOrder')}
          onClick={() => setEditing(true)}
        >
          {t('common.edit')}
        </ReasonedButton>
      }
    >
      {vm.bootOrder === undefined ? (
        <Text>{unknown}</Text>
      ) : (
        <List type="ordered" aria-label={t('devices.bootOrder')}>
          {vm.bootOrder.map((device) => (
            <List.Item key={device}>{t(`bootDevice.${device}`)}</List.Item>
          ))}
        </List>
      )}
      {editing && <OrderDialog vm={vm} onClose={() => setEditing(false)} />}
    </DeviceSection>
  );
}

function OrderDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const [order, setOrder] = useState<readonly BootDevice[]>(vm.bootOrder ?? []);
  const planned = usePlanned(calls.edit(vm.id, { bootOrder: [...order] }), {
    isReady: order.length > 0,
    onDone: onClose,
  });
  const { refusal } = planned;
  const swap = (index: number, by: number) => {
    const next = [...order];
    [next[index], next[index + by]] = [next[index + by]!, next[index]!];
    setOrder(next);
  };
  return (
    <Dialog title={t('devices.editBootOrder')} onClose={onClose}>
      <PlannedForm
        planned={planned}
        verb={t('common.save')}
        isPlaced={isAllAt(refusal, ['/bootOrder'])}
        onCancel={onClose}
      >
        <Input.Wrapper
          label={t('devices.bootOrder')}
          description={t('devices.bootHint')}
          error={faultsOf(refusal)('/bootOrder')}
        >
          <List type="ordered" listStyleType="decimal" mt="xs" aria-label={t('devices.bootOrder')}>
            {order.map((device, index) => {
              const name = t(`bootDevice.${device}`);
              return (
                <List.Item key={device}>
                  <Group gap={4}>
                    {name}
                    {index > 0 && (
                      <ActionIcon
                        variant="default"
                        aria-label={t('devices.earlier', { device: name })}
                        onClick={() => swap(index, -1)}
                      >
                        <IconArrowUp size={14} />
                      </ActionIcon>
                    )}
                    {index < order.length - 1 && (
                      <ActionIcon
                        variant="default"
                        aria-label={t('devices.later', { device: name })}
                        onClick={() => swap(index, 1)}
                      >
                        <IconArrowDown size={14} />
                      </ActionIcon>
                    )}
                    <ActionIcon
                      variant="default"
                      aria-label={t('devices.leaveOut', { device: name })}
                      onClick={() => setOrder(order.filter((one) => one !== device))}
                    >
                      <IconX size={14} />
                    </ActionIcon>
                  </Group>
                </List.Item>
              );
            })}
          </List>
        </Input.Wrapper>
        <Group gap="xs">
          {devices
            .filter((device) => !order.includes(device))
            .map((device) => (
              <Button key={device} size="xs" variant="default" onClick={() => setOrder([...order, device])}>
                {t('devices.tryAlso', { device: t(`bootDevice.${device}`) })}
              </Button>
            ))}
        </Group>
      </PlannedForm>
    </Dialog>
  );
}
