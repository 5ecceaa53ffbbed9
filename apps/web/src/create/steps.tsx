import { Button, Code, Group, NumberInput, Select, Stack, Switch, Text, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Host } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { formatMiB } from '../i18n/format.ts';
import { PasswordField } from '../ui/password-field.tsx';
import { nextName, userDataOf, type Draft } from './draft.ts';

interface StepProps {
  readonly draft: Draft;
  readonly hosts: readonly Host[];
  edit(next: Partial<Draft>): void;
  /** What the API says of a field. */
  fault(...pointers: string[]): string | undefined;
}

export function WhereStep({ draft, hosts, edit, fault, isTaken }: StepProps & { readonly isTaken: boolean }) {
  const { t } = useTranslation();
  const host = hosts.find(({ id }) => id === draft.host);
  return (
    <Stack>
      <Select
        label={t('create.host')}
        data={hosts.map(({ id, state, simulated }) => ({
          value: id,
          label: `${id} · ${t(`hostState.${state}`)}${simulated ? ` · ${t('hosts.simulated')}` : ''}`,
          disabled: state !== 'ready',
        }))}
        value={draft.host || null}
        error={fault('/host')}
        onChange={(value) => edit({ host: value ?? '', image: '', template: '', network: '', cdrom: '' })}
      />
      {host?.capacity.memoryFreeMiB !== undefined && (
        <Text size="sm">{t('create.free', { memory: formatMiB(host.capacity.memoryFreeMiB) })}</Text>
      )}
      <TextInput
        label={t('column.name')}
        value={draft.name}
        error={fault('/name')}
        onChange={({ currentTarget }) => edit({ name: currentTarget.value })}
      />
      {isTaken && (
        <Group>
          <Button size="xs" variant="default" onClick={() => edit({ name: nextName(draft.name) })}>
            {t('create.useName', { name: nextName(draft.name) })}
          </Button>
        </Group>
      )}
      <TextInput
        label={t('edit.labels')}
        value={draft.labels}
        error={fault('/labels')}
        onChange={({ currentTarget }) => edit({ labels: currentTarget.value })}
      />
    </Stack>
  );
}

function useOffer(host: string) {
  const { data } = useQuery({ ...queries.hostOffer(host), enabled: host !== '' });
  return data ?? { images: [], networks: [], templates: [] };
}

export function SourceStep({ draft, edit, fault }: StepProps) {
  const { t } = useTranslation();
  const { images, templates } = useOffer(draft.host);
  const disks = images.filter(({ kind }) => kind === 'disk');
  const isos = images.filter(({ kind }) => kind === 'iso');
  return (
    <Stack>
      <Select
        label={t('create.from')}
        allowDeselect={false}
        data={(['image', 'template', 'blank'] as const).map((value) => ({ value, label: t(`create.from_${value}`) }))}
        value={draft.source}
        onChange={(value) => edit({ source: value as Draft['source'] })}
      />
      {draft.source === 'image' && (
        <Select
          label={t('create.image')}
          data={disks.map(({ name }) => name)}
          value={draft.image || null}
          error={fault('/disks/0/image')}
          onChange={(value) => edit({ image: value ?? '' })}
        />
      )}
      {draft.source === 'template' && (
        <Select
          label={t('create.template')}
          data={templates.map(({ name }) => name)}
          value={draft.template || null}
          error={fault('/template')}
          onChange={(value) => edit({ template: value ?? '' })}
        />
      )}
      <Select
        label={t('create.cdrom')}
        clearable
        data={isos.map(({ name }) => name)}
        value={draft.cdrom || null}
        error={fault('/cdrom')}
        onChange={(value) => edit({ cdrom: value ?? '' })}
      />
    </Stack>
  );
}

export function SizeStep({ draft, edit, fault }: StepProps) {
  const { t } = useTranslation();
  return (
    <Stack>
      <NumberInput
        label={t('column.cpus')}
        min={1}
        value={draft.cpus}
        error={fault('/cpus')}
        onChange={(value) => typeof value === 'number' && edit({ cpus: value })}
      />
      <NumberInput
        label={t('edit.memory')}
        min={1}
        step={256}
        suffix=" MiB"
        value={draft.memoryMiB}
        error={fault('/memoryMiB')}
        onChange={(value) => typeof value === 'number' && edit({ memoryMiB: value })}
      />
      {draft.source !== 'template' && (
        <NumberInput
          label={t('create.disk')}
          description={draft.source === 'image' ? t('create.diskOfImage') : undefined}
          min={1}
          suffix=" GiB"
          value={draft.diskGiB}
          error={fault('/disks')}
          onChange={(value) => edit({ diskGiB: typeof value === 'number' ? value : '' })}
        />
      )}
    </Stack>
  );
}

export function NetworkStep({ draft, edit, fault }: StepProps) {
  const { t } = useTranslation();
  const { networks } = useOffer(draft.host);
  const network = networks.find(({ name }) => name === draft.network);
  return (
    <Stack>
      <Select
        label={t('create.network')}
        clearable
        data={networks.map(({ name, cidr }) => ({ value: name, label: cidr ? `${name} · ${cidr}` : name }))}
        value={draft.network || null}
        error={fault('/nics/0/network')}
        onChange={(value) => edit({ network: value ?? '' })}
      />
      <TextInput
        label={t('create.address')}
        description={network && !network.fixedAddresses ? t('create.noFixed') : t('create.addressHint')}
        disabled={network === undefined || !network.fixedAddresses}
        value={draft.address}
        error={fault('/nics/0/address')}
        onChange={({ currentTarget }) => edit({ address: currentTarget.value })}
      />
    </Stack>
  );
}

export function GuestStep({ draft, edit, fault }: StepProps) {
  const { t } = useTranslation();
  const own = draft.userData.trim() !== '';
  return (
    <Stack>
      <Text size="sm">{t('create.guestHint')}</Text>
      <TextInput
        label={t('logIn.username')}
        autoComplete="off"
        disabled={own}
        value={draft.user}
        onChange={({ currentTarget }) => edit({ user: currentTarget.value })}
      />
      <PasswordField
        label={t('logIn.password')}
        autoComplete="new-password"
        disabled={own}
        value={draft.password}
        onChange={({ currentTarget }) => edit({ password: currentTarget.value })}
      />
      <TextInput
        label={t('create.sshKey')}
        disabled={own}
        value={draft.sshKey}
        onChange={({ currentTarget }) => edit({ sshKey: currentTarget.value })}
      />
      <Textarea
        label={t('create.userData')}
        description={t('create.userDataHint')}
        autosize
        minRows={4}
        value={draft.userData}
        error={fault('/cloudInit')}
        onChange={({ currentTarget }) => edit({ userData: currentTarget.value })}
      />
      {!own && userDataOf(draft) !== '' && (
        <Code block>{userDataOf({ ...draft, password: draft.password && '••••••' })}</Code>
      )}
      <Switch
        label={t('create.start')}
        checked={draft.start}
        onChange={({ currentTarget }) => edit({ start: currentTarget.checked })}
      />
    </Stack>
  );
}
