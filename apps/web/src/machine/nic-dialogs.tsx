import { Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { ChangeNicInput, Vm } from '../api/client.ts';
import { useLack } from '../machines/use-obstacle.ts';
import { Dialog } from '../ui/dialog.tsx';
import { faultsOf, isAllAt } from '../ui/faults.ts';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { NetworkFields } from './network-fields.tsx';

/** An interface that can be named: it has a MAC address. */
export type KnownNic = Vm['nics'][number] & { readonly mac: string };

export function AddNicDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const [network, setNetwork] = useState<string | null>(null);
  const [address, setAddress] = useState('');
  const [mac, setMac] = useState('');
  const call = calls.addNic(vm.id, {
    network: network ?? '',
    ...(address.trim() !== '' && { address: address.trim() }),
    ...(mac.trim() !== '' && { mac: mac.trim() }),
  });
  const planned = usePlanned(call, { isReady: network !== null, onDone: onClose });
  const { refusal } = planned;
  const fault = faultsOf(refusal);
  return (
    <Dialog title={t('devices.addNic')} onClose={onClose}>
      <PlannedForm
        planned={planned}
        verb={t('devices.addNic')}
        isPlaced={isAllAt(refusal, ['/network', '/address', '/mac'])}
        onCancel={onClose}
      >
        <NetworkFields
          host={vm.host}
          network={network}
          address={address}
          addressHint={t('create.addressHint')}
          fault={fault}
          onNetwork={(chosen) => {
            setNetwork(chosen);
            setAddress('');
          }}
          onAddress={setAddress}
        />
        <TextInput
          label={t('devices.mac')}
          description={t('devices.macHint')}
          value={mac}
          error={fault('/mac')}
          onChange={({ currentTarget }) => setMac(currentTarget.value)}
        />
      </PlannedForm>
    </Dialog>
  );
}

const cables = ['connected', 'disconnected'] as const;
type Cable = (typeof cables)[number];

/** Sends only what is to be different. */
export function ChangeNicDialog({ vm, nic, onClose }: { vm: Vm; nic: KnownNic; onClose: () => void }) {
  const { t } = useTranslation();
  const lack = useLack(vm.host);
  const [noPlace, noLink] = [lack('reconfigure', 'nicsInPlace'), lack('reconfigure', 'nicLink')];
  const known = nic.connected === undefined ? null : cables[nic.connected ? 0 : 1];
  const [network, setNetwork] = useState<string | null>(nic.network ?? null);
  const [address, setAddress] = useState('');
  const [cable, setCable] = useState<Cable | null>(known);
  const body: ChangeNicInput = {
    ...(network !== null && network !== nic.network && { network }),
    ...(address.trim() !== '' && { address: address.trim() }),
    ...(cable !== null && cable !== known && { connected: cable === 'connected' }),
  };
  const isReady = Object.keys(body).length > 0;
  const planned = usePlanned(calls.changeNic(vm.id, nic.mac, body), { isReady, onDone: onClose });
  const { refusal } = planned;
  const fault = faultsOf(refusal);
  return (
    <Dialog title={t('devices.changeOf', { device: nic.mac })} onClose={onClose}>
      <PlannedForm
        planned={planned}
        verb={t('common.save')}
        isPlaced={isAllAt(refusal, ['/network', '/address', '/connected'])}
        onCancel={onClose}
      >
        <NetworkFields
          host={vm.host}
          network={network}
          address={address}
          addressHint={t('devices.addressHint')}
          reason={noPlace}
          fault={fault}
          onNetwork={(chosen) => {
            setNetwork(chosen);
            setAddress('');
          }}
          onAddress={setAddress}
        />
        <Select
          label={t('devices.cable')}
          description={noLink}
          disabled={noLink !== undefined}
          allowDeselect={false}
          data={cables.map((value) => ({ value, label: t(`devices.${value}`) }))}
          value={cable}
          error={fault('/connected')}
          onChange={(value) => setCable(value as Cable | null)}
        />
      </PlannedForm>
    </Dialog>
  );
}
