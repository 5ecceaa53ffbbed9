import { Select, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { queries } from '../api/queries.ts';
import { ProblemAlert } from '../ui/states.tsx';

interface NetworkProps {
  readonly host: string;
  readonly network: string | null;
  readonly address: string;
  readonly addressHint: string;
  /** Whether what is typed goes there at once. */
  readonly hasFocus?: boolean;
  /** Why neither can be chosen. */
  readonly reason?: string | undefined;
  fault(...pointers: string[]): string | undefined;
  /** An address was one of the network before. */
  onNetwork(network: string | null): void;
  onAddress(address: string): void;
}

/** A network of the host, and an address where the network takes one. */
export function NetworkFields({
  host,
  network,
  address,
  addressHint,
  hasFocus = true,
  reason,
  fault,
  onNetwork,
  onAddress,
}: NetworkProps) {
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
        onChange={onNetwork}
        data-autofocus={hasFocus || undefined}
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
