import { Button, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { useQueries, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Host } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useLink } from '../live/live.tsx';
import { imagesRoute } from '../routes/router.tsx';
import { useForbidden } from '../session/use-forbidden.ts';
import { Ago } from '../ui/ago.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { Empty, Guarded, Loading, PageTitle, ProblemAlert, QueryView } from '../ui/states.tsx';
import { AddImageDialog } from './add-image-dialog.tsx';
import { DeleteImageDialog } from './delete-image-dialog.tsx';
import { ImageTable, type HostImage } from './image-table.tsx';
import { ImageUploads } from './image-uploads.tsx';

/** So many lists are read at once; of more hosts, one is chosen. */
const mostHosts = 20;

/** What machines are made of, on every host. */
export function Images() {
  return (
    <Guarded permission="host:read">
      <OfHosts />
    </Guarded>
  );
}

function OfHosts() {
  const { t } = useTranslation();
  const forbidden = useForbidden();
  const hosts = useQuery(queries.hosts());
  const [isAdding, setAdding] = useState(false);
  const { state } = useLink();
  const able = hosts.data?.filter(({ capabilities }) => capabilities.images.available) ?? [];
  const obstacle =
    forbidden('vm:create') ??
    (state === 'lost' ? t('obstacle.link') : able.length === 0 ? t('images.noHost') : undefined);
  return (
    <>
      <PageTitle title={t('nav.images')}>
        <ReasonedButton reason={obstacle} onClick={() => setAdding(true)}>
          {t('images.add')}
        </ReasonedButton>
      </PageTitle>
      <Stack>
        <ImageUploads />
        <QueryView of={hosts}>{(list) => <Lists hosts={list} able={able} />}</QueryView>
      </Stack>
      {isAdding && <AddImageDialog hosts={able} onClose={() => setAdding(false)} />}
    </>
  );
}

function Lists({ hosts, able }: { hosts: readonly Host[]; able: readonly Host[] }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { host: wanted, q = '' } = imagesRoute.useSearch();
  const [doomed, setDoomed] = useState<HostImage>();
  const chosen = hosts.find(({ id }) => id === wanted);
  const asked = chosen ? able.filter(({ id }) => id === chosen.id) : able.slice(0, mostHosts);
  const lists = useQueries({ queries: asked.map(({ id }) => queries.images(id)) });
  const search = (next: { host?: string | undefined; q?: string | undefined }) =>
    void navigate({ to: '/images', search: { host: wanted, q: q || undefined, ...next }, replace: true } as never);
  if (hosts.length === 0)
    return (
      <Empty title={t('hosts.none')}>
        <Text>{t('hosts.noneDetail')}</Text>
        <Button component={Link} variant="default" to="/hosts">
          {t('nav.hosts')}
        </Button>
      </Empty>
    );
  const images = asked.flatMap((host, index) => (lists[index]?.data ?? []).map((image) => ({ host, image })));
  const found = images
    .filter(({ image }) => image.name.toLowerCase().includes(q.toLowerCase()))
    .sort((one, other) => one.image.name.localeCompare(other.image.name) || one.host.id.localeCompare(other.host.id));
  const lack = chosen?.capabilities.images.available === false ? chosen.capabilities.images.reason : undefined;
  return (
    <>
      <Group align="flex-end">
        <Select
          label={t('create.host')}
          searchable
          clearable
          placeholder={t('images.allHosts')}
          clearButtonProps={{ 'aria-label': t('images.allHosts') }}
          data={hosts.map(({ id }) => id)}
          value={chosen?.id ?? null}
          onChange={(id) => search({ host: id ?? undefined })}
        />
        <TextInput
          label={t('images.search')}
          value={q}
          onChange={({ currentTarget }) => search({ q: currentTarget.value || undefined })}
        />
      </Group>
      {!chosen && able.length > mostHosts && <Text size="sm">{t('images.firstHosts', { count: mostHosts })}</Text>}
      {asked
        .filter(({ state }) => state === 'offline')
        .map(({ id, lastSeenAt }) => (
          <Text key={id} size="sm" role="note">
            {t('images.offline', { host: id })} {t('machine.seen')} <Ago at={lastSeenAt} />
          </Text>
        ))}
      {lists.map(
        ({ isError, error, refetch }, index) =>
          isError && <ProblemAlert key={asked[index]!.id} error={error} retry={() => void refetch()} />,
      )}
      {images.length === 0 && lists.some(({ isPending }) => isPending) ? (
        <Loading />
      ) : found.length > 0 ? (
        <ImageTable images={found} onDelete={setDoomed} />
      ) : lists.some(({ isError }) => isError) ? null : images.length > 0 ? (
        <Empty title={t('images.noMatch')}>
          <Button variant="default" onClick={() => search({ q: undefined })}>
            {t('machines.clearFilter')}
          </Button>
        </Empty>
      ) : (
        <Empty title={chosen ? t('images.noneOn', { host: chosen.id }) : t('images.none')}>
          <Text ta="center" maw={480}>
            {lack ?? t('images.noneDetail')}
          </Text>
        </Empty>
      )}
      {doomed && <DeleteImageDialog {...doomed} onClose={() => setDoomed(undefined)} />}
    </>
  );
}
