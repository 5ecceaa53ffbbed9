import { Alert, Group, Loader, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Vm } from '../api/client.ts';
import { Addresses } from './guest-facts.tsx';

/** Says when the machine can be reached. Events bring the address, so that this waits without asking. */
export function AwaitAddress({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const addresses = vm.nics.flatMap((nic) => nic.addresses);
  const has = addresses.length > 0;
  const sentence = has ? 'has' : vm.nics.length === 0 ? 'noNic' : vm.state === 'running' ? 'waiting' : 'off';
  return (
    <Alert
      variant="outline"
      role="status"
      data-address={has ? 'known' : 'awaited'}
      withCloseButton
      closeButtonLabel={t('common.close')}
      onClose={onClose}
    >
      <Group gap="xs">
        {sentence === 'waiting' && <Loader size="xs" aria-hidden />}
        <Text size="sm">{t(`awaitAddress.${sentence}`)}</Text>
        {has && <Addresses of={addresses} />}
      </Group>
    </Alert>
  );
}
