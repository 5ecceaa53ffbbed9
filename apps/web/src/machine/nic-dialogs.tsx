import { Select, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { ChangeNicInput, Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useLack } from '../machines/use-obstacle.ts';
import { Dialog } from '../ui/dialog.tsx';
import { faultsOf, isAllAt } from '../ui/faults.ts';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { ProblemAlert } from '../ui/states.tsx';

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
          onNetwork={setNetwork}
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
          onNetwork={setNetwork}
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

interface NetworkProps {
  readonly host: string;
  readonly network: string | null;
  readonly address: string;
  readonly addressHint: string;
  /** Why neither can be chosen. */
  readonly reason?: string | undefined;
  fault(...pointers: string[]): string | undefined;
  onNetwork(network: string | null): void;
  onAddress(address: string): void;
}

/** A network of the host, and an address where the network takes one. */
function NetworkFields({ host, network, address, addressHint, reason, fault, onNetwork, onAddress }: NetworkProps) {
  const { t } = useTranslation();
  const offer = useQuery(queries.hostOffer(host));
  const networks = offer.data?.networks ?? [];
  const chosen = networks.find(({ name }) => name === network);
  const offered = networks.map(({ name, cidr }) => ({ value: name, label: cidr ? `${name} · ${cidr}` : name }));
  // The one that it is on may be one that the host does not list.
  if (network !== null && !chosen) offered.push({ value: network, label: network });
  const noFixed = chosen && !chosen.fixedAddresses ? t('create.noFixed') : undefined;
  return (
    <>
      <Select
        label={t('create.network')}
        description={reason}
        disabled={reason !== undefined}
        allowDeselect={false}
        data={offered}
        value={network}
        error={fault('/network')}
        onChange={(value) => {
          onNetwork(value);
          onAddress('');
        }}
        data-autofocus
      />
      <TextInput
        label={t('create.address')}
        description={noFixed ?? addressHint}
        disabled={reason !== undefined || chosen === undefined || noFixed !== undefined}
        value={address}
        error={fault('/address')}
        onChange={({ currentTarget }) => onAddress(currentTarget.value)}
      />
      {offer.isError && <ProblemAlert error={offer.error} />}
    </>
  );
}
