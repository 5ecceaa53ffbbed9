import { ApiProblem } from '@polyvirt/api-client';
import { Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { unknown } from '../i18n/format.ts';
import { CopyButton } from '../ui/copy.tsx';

/** What the guest says of itself, asked now; as long as it does not answer, what was known before. */
export function useGuestFacts(vm: Vm): readonly (readonly [string, ReactNode])[] {
  const { t } = useTranslation();
  const known = vm.nics.flatMap(({ addresses }) => addresses).join(' ');
  const { data, error } = useQuery({ ...queries.guest(vm.id, known), enabled: vm.state === 'running' });
  const guest = (vm.state === 'running' ? data : undefined) ?? vm.guest;
  const addresses = (vm.state === 'running' && data?.addresses) || [];
  // Where hosts cannot ask guests, they say why.
  const lacking = error instanceof ApiProblem && error.code === 'capability-missing' ? error.problem.detail : undefined;
  return [
    [t('machine.hostname'), guest?.hostname ?? unknown],
    [t('machine.os'), guest?.os ?? unknown],
    [t('machine.agent'), lacking ?? (guest ? t(guest.agent ? 'common.yes' : 'common.no') : unknown)],
    [t('machine.guestAddresses'), addresses.length === 0 ? unknown : <Addresses of={addresses} />],
  ];
}

/** Addresses, each to be copied. */
export function Addresses({ of }: { of: readonly string[] }) {
  const { t } = useTranslation();
  return (
    <Group gap={4}>
      {of.map((address) => (
        <Group key={address} gap={2}>
          {address}
          <CopyButton value={address} label={t('machines.copyAddress')} />
        </Group>
      ))}
    </Group>
  );
}
