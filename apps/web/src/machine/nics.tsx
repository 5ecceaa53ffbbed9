import { Badge, Group, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Metrics, Vm } from '../api/client.ts';
import { formatRate, unknown } from '../i18n/format.ts';
import { useObstacle } from '../machines/use-obstacle.ts';
import { solid } from '../ui/colours.ts';
import { DataTable } from '../ui/data-table.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { DeviceSection } from './device-section.tsx';
import { Addresses } from './guest-facts.tsx';
import { AddNicDialog, ChangeNicDialog, type KnownNic } from './nic-dialogs.tsx';
import { isWaiting } from './pending-changes.tsx';

/** What can be done with one of them. */
const changes = ['change', 'remove'] as const;
type Asked = { what: 'add' } | { what: 'change' | 'remove'; nic: KnownNic };

export function Nics({ vm, reading }: { vm: Vm; reading: Metrics | undefined }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const [asked, setAsked] = useState<Asked>();
  const close = () => setAsked(undefined);
  const rates = new Map(reading?.networks.map((network) => [network.mac, network]));
  return (
    <DeviceSection
      vm={vm}
      title={t('devices.nics')}
      live={['nicsLive', 'nicsInPlaceLive']}
      actions={
        <ReasonedButton size="xs" reason={obstacle('addNic', vm)} onClick={() => setAsked({ what: 'add' })}>
          {t('devices.addNic')}
        </ReasonedButton>
      }
    >
      {vm.nics.length === 0 ? (
        <Text>{t('devices.noNics')}</Text>
      ) : (
        <DataTable
          label={t('devices.nics')}
          minWidth={760}
          heads={[
            t('create.network'),
            t('devices.mac'),
            t('column.addresses'),
            t('devices.cable'),
            t('metrics.rxBytesPerSecond'),
            t('metrics.txBytesPerSecond'),
            t('machines.actions'),
          ]}
        >
          {vm.nics.map((nic, index) => {
            const { mac, network, addresses, connected } = nic;
            const rate = mac === undefined ? undefined : rates.get(mac);
            return (
              <Table.Tr key={mac ?? index} data-mac={mac}>
                <Table.Th scope="row" fw={600}>
                  <Group gap={4}>
                    {network ?? unknown}
                    {isWaiting(vm, `/nics/${index}`) && <Badge color={solid.warn}>{t('devices.waits')}</Badge>}
                  </Group>
                </Table.Th>
                <Table.Td>{mac ?? unknown}</Table.Td>
                <Table.Td>{addresses.length === 0 ? t('machine.noAddress') : <Addresses of={addresses} />}</Table.Td>
                <Table.Td>
                  {connected === undefined ? unknown : t(connected ? 'devices.connected' : 'devices.disconnected')}
                </Table.Td>
                <Table.Td>{formatRate(rate?.rxBytesPerSecond)}</Table.Td>
                <Table.Td>{formatRate(rate?.txBytesPerSecond)}</Table.Td>
                <Table.Td>
                  <Group gap={4} wrap="nowrap">
                    {changes.map((what) => (
                      <ReasonedButton
                        key={what}
                        size="compact-sm"
                        variant="default"
                        reason={
                          obstacle(what === 'change' ? 'changeNic' : 'removeNic', vm) ??
                          (mac === undefined ? t('devices.noMac') : undefined)
                        }
                        label={t(`devices.${what}Of`, { device: mac ?? network ?? unknown })}
                        onClick={() => mac !== undefined && setAsked({ what, nic: { ...nic, mac } })}
                      >
                        {t(what === 'change' ? 'common.edit' : 'devices.remove')}
                      </ReasonedButton>
                    ))}
                  </Group>
                </Table.Td>
              </Table.Tr>
            );
          })}
        </DataTable>
      )}
      {asked?.what === 'add' && <AddNicDialog vm={vm} onClose={close} />}
      {asked?.what === 'change' && <ChangeNicDialog vm={vm} nic={asked.nic} onClose={close} />}
      {asked?.what === 'remove' && <RemoveDialog vm={vm} mac={asked.nic.mac} onClose={close} />}
    </DeviceSection>
  );
}

function RemoveDialog({ vm, mac, onClose }: { vm: Vm; mac: string; onClose: () => void }) {
  const { t } = useTranslation();
  const planned = usePlanned(calls.removeNic(vm.id, mac), { isReady: true, atOnce: true, onDone: onClose });
  return (
    <Dialog title={t('devices.removeOf', { device: mac })} onClose={onClose}>
      <PlannedForm planned={planned} verb={t('devices.remove')} isPlaced={false} onCancel={onClose} />
    </Dialog>
  );
}
