import { ActionIcon, Button, Fieldset, Group, Stack, Switch, TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { CloneVmInput } from '../api/client.ts';
import { NetworkFields } from './network-fields.tsx';

type NicInput = NonNullable<CloneVmInput['nics']>[number];

/** An interface as it is filled in. */
export interface NicDraft {
  /** Tells it from the others while they come and go. */
  readonly key: number;
  readonly network: string | null;
  readonly address: string;
  readonly mac: string;
}

/** Whether each has its network, so that they can be sent. */
export const areWhole = (nics: readonly NicDraft[]): boolean => nics.every(({ network }) => network !== null);

export const nicInputOf = ({ network, address, mac }: NicDraft): NicInput => ({
  network: network ?? '',
  ...(address.trim() !== '' && { address: address.trim() }),
  ...(mac.trim() !== '' && { mac: mac.trim() }),
});

interface Props {
  readonly host: string;
  /** Undefined where the copy has interfaces on the networks of its source. */
  readonly nics: readonly NicDraft[] | undefined;
  fault(...pointers: string[]): string | undefined;
  onChange(nics: readonly NicDraft[] | undefined): void;
}

/** The interfaces of a copy: those of its source, or these, or none. */
export function CloneNics({ host, nics, fault, onChange }: Props) {
  const { t } = useTranslation();
  const change = (at: number, fields: Partial<NicDraft>) =>
    onChange(nics?.map((nic, index) => (index === at ? { ...nic, ...fields } : nic)));
  const add = () => {
    const key = Math.max(-1, ...(nics ?? []).map((nic) => nic.key)) + 1;
    onChange([...(nics ?? []), { key, network: null, address: '', mac: '' }]);
  };
  return (
    <>
      <Switch
        label={t('clone.sameNics')}
        description={nics?.length === 0 ? t('clone.noNics') : undefined}
        error={nics?.length ? undefined : fault('/nics')}
        checked={nics === undefined}
        onChange={({ currentTarget }) => onChange(currentTarget.checked ? undefined : [])}
      />
      {nics?.map(({ key, network, address, mac }, index) => (
        <Fieldset
          key={key}
          legend={
            <Group gap="xs">
              {t('clone.nic', { number: index + 1 })}
              <ActionIcon
                variant="subtle"
                size="sm"
                aria-label={t('clone.removeNic', { number: index + 1 })}
                onClick={() => onChange(nics.filter((nic) => nic.key !== key))}
              >
                ×
              </ActionIcon>
            </Group>
          }
        >
          <Stack gap="xs">
            <NetworkFields
              host={host}
              network={network}
              address={address}
              addressHint={t('create.addressHint')}
              hasFocus={false}
              fault={(...pointers) => fault(...pointers.map((pointer) => `/nics/${index}${pointer}`))}
              onNetwork={(chosen) => change(index, { network: chosen, address: '' })}
              onAddress={(typed) => change(index, { address: typed })}
            />
            <TextInput
              label={t('devices.mac')}
              description={t('devices.macHint')}
              value={mac}
              error={fault(`/nics/${index}/mac`)}
              onChange={({ currentTarget }) => change(index, { mac: currentTarget.value })}
            />
          </Stack>
        </Fieldset>
      ))}
      {nics && (
        <Button variant="default" size="xs" onClick={add}>
          {t('devices.addNic')}
        </Button>
      )}
    </>
  );
}
