import { Badge, Group, NumberInput, Radio, Stack, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Metrics, Vm } from '../api/client.ts';
import { formatGiB, formatRate, unknown } from '../i18n/format.ts';
import { useLack, useObstacle } from '../machines/use-obstacle.ts';
import { solid } from '../ui/colours.ts';
import { CopyButton } from '../ui/copy.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { faultsOf, isAllAt } from '../ui/faults.ts';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { AddDiskDialog } from './add-disk-dialog.tsx';
import { DeviceSection } from './device-section.tsx';
import { isWaiting } from './pending-changes.tsx';

type Disk = Vm['disks'][number];
/** What can be done with one of them. */
const changes = ['grow', 'detach'] as const;
type Asked = { what: 'add' } | { what: 'grow' | 'detach'; disk: Disk };

export function Disks({ vm, reading }: { vm: Vm; reading: Metrics | undefined }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const [asked, setAsked] = useState<Asked>();
  const close = () => setAsked(undefined);
  const rates = new Map(reading?.disks.map((disk) => [disk.device, disk]));
  return (
    <DeviceSection
      vm={vm}
      title={t('devices.disks')}
      live={['addDisksLive', 'removeDisksLive', 'disksLive']}
      actions={
        <ReasonedButton size="xs" reason={obstacle('addDisk', vm)} onClick={() => setAsked({ what: 'add' })}>
          {t('devices.addDisk')}
        </ReasonedButton>
      }
    >
      {vm.disks.length === 0 ? (
        <Text>{t('devices.noDisks')}</Text>
      ) : (
        <DataTable
          label={t('devices.disks')}
          heads={[
            t('devices.device'),
            t('devices.size'),
            t('devices.file'),
            t('metrics.diskReadBytesPerSecond'),
            t('metrics.diskWriteBytesPerSecond'),
            t('machines.actions'),
          ]}
        >
          {vm.disks.map((disk, index) => (
            <Table.Tr key={disk.device} data-device={disk.device}>
              <Table.Th scope="row" fw={600}>
                <Group gap={4}>
                  {disk.device}
                  {isWaiting(vm, `/disks/${index}`) && <Badge color={solid.warn}>{t('devices.waits')}</Badge>}
                </Group>
              </Table.Th>
              <Table.Td>{formatGiB(disk.sizeGiB)}</Table.Td>
              <Table.Td style={{ overflowWrap: 'anywhere' }}>
                {disk.path === undefined ? (
                  unknown
                ) : (
                  <Group gap={2} wrap="nowrap">
                    {disk.path}
                    <CopyButton value={disk.path} label={t('devices.copyPath')} />
                  </Group>
                )}
              </Table.Td>
              <Table.Td>{formatRate(rates.get(disk.device)?.readBytesPerSecond)}</Table.Td>
              <Table.Td>{formatRate(rates.get(disk.device)?.writeBytesPerSecond)}</Table.Td>
              <Table.Td>
                <Group gap={4} wrap="nowrap">
                  {changes.map((what) => (
                    <ReasonedButton
                      key={what}
                      size="compact-sm"
                      variant="default"
                      reason={obstacle(what === 'grow' ? 'growDisk' : 'detachDisk', vm)}
                      label={t(`devices.${what}Of`, { device: disk.device })}
                      onClick={() => setAsked({ what, disk })}
                    >
                      {t(`devices.${what}`)}
                    </ReasonedButton>
                  ))}
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
      {asked?.what === 'add' && <AddDiskDialog vm={vm} onClose={close} />}
      {asked?.what === 'grow' && <GrowDialog vm={vm} disk={asked.disk} onClose={close} />}
      {asked?.what === 'detach' && <DetachDialog vm={vm} disk={asked.disk} onClose={close} />}
    </DeviceSection>
  );
}

interface DialogProps {
  readonly vm: Vm;
  readonly disk: Disk;
  onClose(): void;
}

function GrowDialog({ vm, disk: { device, sizeGiB: now }, onClose }: DialogProps) {
  const { t } = useTranslation();
  const [size, setSize] = useState<number | string>(now === undefined ? '' : Math.ceil(now));
  const isReady = typeof size === 'number' && size !== now;
  const planned = usePlanned(calls.growDisk(vm.id, device, Number(size)), { isReady, onDone: onClose });
  const { refusal } = planned;
  return (
    <Dialog title={t('devices.growOf', { device })} onClose={onClose}>
      <PlannedForm
        planned={planned}
        verb={t('devices.grow')}
        isPlaced={isAllAt(refusal, ['/sizeGiB'])}
        onCancel={onClose}
      >
        <NumberInput
          label={t('devices.newSize')}
          description={t('devices.growHint')}
          min={1}
          allowDecimal={false}
          suffix=" GiB"
          value={size}
          error={faultsOf(refusal)('/sizeGiB')}
          onChange={setSize}
          data-autofocus
        />
      </PlannedForm>
    </Dialog>
  );
}

function DetachDialog({ vm, disk: { device, sizeGiB, path }, onClose }: DialogProps) {
  const { t } = useTranslation();
  const noKeep = useLack(vm.host)('reconfigure', 'keepDisks');
  const [keep, setKeep] = useState(noKeep === undefined);
  const call = calls.detachDisk(vm.id, device, keep);
  const planned = usePlanned(call, { isReady: true, atOnce: true, lossOf: device, onDone: onClose });
  return (
    <Dialog title={t('devices.detachOf', { device })} onClose={onClose}>
      <PlannedForm
        planned={planned}
        verb={t(keep ? 'devices.detach' : 'devices.detachDelete')}
        isPlaced={false}
        onCancel={onClose}
      >
        <Text style={{ overflowWrap: 'anywhere' }}>
          {device} · {formatGiB(sizeGiB)} {path}
        </Text>
        <Radio.Group
          label={t('devices.after')}
          value={keep ? 'keep' : 'delete'}
          onChange={(value) => setKeep(value === 'keep')}
        >
          <Stack gap="xs" mt="xs">
            <Radio value="keep" label={t('devices.keep')} description={noKeep} disabled={noKeep !== undefined} />
            <Radio value="delete" label={t('devices.delete')} />
          </Stack>
        </Radio.Group>
      </PlannedForm>
    </Dialog>
  );
}
