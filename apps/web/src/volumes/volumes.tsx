import { Anchor, Button, Group, Select, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Host, Volume } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { formatGiB, unknown } from '../i18n/format.ts';
import { useHostObstacle, useLack } from '../machines/use-obstacle.ts';
import { volumesRoute } from '../routes/router.tsx';
import { Ago } from '../ui/ago.tsx';
import { CopyButton } from '../ui/copy.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { Empty, Guarded, PageTitle, QueryView } from '../ui/states.tsx';
import { AttachVolumeDialog } from './attach-volume-dialog.tsx';

/** The disks of a host that no machine has. */
export function Volumes() {
  const { t } = useTranslation();
  return (
    <Guarded permission="host:read">
      <PageTitle title={t('nav.volumes')} />
      <OfHosts />
    </Guarded>
  );
}

function OfHosts() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const hosts = useQuery(queries.hosts());
  const { host: wanted } = volumesRoute.useSearch();
  return (
    <QueryView of={hosts}>
      {(list) => {
        const host =
          list.find(({ id }) => id === wanted) ??
          list.find(({ capabilities }) => capabilities.volumes.available) ??
          list[0];
        if (!host)
          return (
            <Empty title={t('hosts.none')}>
              <Text>{t('hosts.noneDetail')}</Text>
            </Empty>
          );
        return (
          <Stack>
            <Group align="flex-end">
              <Select
                label={t('create.host')}
                allowDeselect={false}
                searchable
                data={list.map(({ id }) => id)}
                value={host.id}
                onChange={(id) => void navigate({ to: '/volumes', search: { host: id }, replace: true } as never)}
              />
              {host.capacity.storageFreeGiB !== undefined && (
                <Text size="sm" pb={8}>
                  {t('hosts.storage', {
                    free: formatGiB(host.capacity.storageFreeGiB),
                    all: formatGiB(host.capacity.storageGiB),
                  })}
                </Text>
              )}
            </Group>
            <OfHost key={host.id} host={host} />
          </Stack>
        );
      }}
    </QueryView>
  );
}

function OfHost({ host }: { host: Host }) {
  const { t } = useTranslation();
  const lackOf = useLack(host.id);
  const lack = lackOf('volumes');
  const obstacle = useHostObstacle();
  const reason = obstacle('vm:delete', host);
  const noAttach = obstacle('vm:edit', host) ?? lackOf('reconfigure', 'attachVolumes');
  const volumes = useQuery({ ...queries.volumes(host.id), enabled: lack === undefined });
  const [doomed, setDoomed] = useState<Volume>();
  const [attached, setAttached] = useState<Volume>();
  if (lack !== undefined)
    return (
      <Empty title={t('volumes.impossible', { host: host.id })}>
        <Text>{lack}</Text>
      </Empty>
    );
  return (
    <>
      {host.state === 'offline' && (
        <Text size="sm" role="note">
          {t('obstacle.offline')} {t('machine.seen')} <Ago at={host.lastSeenAt} />
        </Text>
      )}
      <QueryView of={volumes}>
        {(list) =>
          list.length === 0 ? (
            <Empty title={t('volumes.none', { host: host.id })}>
              <Text ta="center" maw={480}>
                {t('volumes.whence')}
              </Text>
              <Button component={Link} variant="default" to="/machines" search={{ q: `host:${host.id}` } as never}>
                {t('nav.machines')}
              </Button>
            </Empty>
          ) : (
            <Rows
              host={host}
              volumes={list}
              reasons={{ delete: reason, attach: noAttach }}
              onDelete={setDoomed}
              onAttach={setAttached}
            />
          )
        }
      </QueryView>
      {doomed && <DeleteDialog host={host.id} volume={doomed} onClose={() => setDoomed(undefined)} />}
      {attached && <AttachVolumeDialog host={host} volume={attached} onClose={() => setAttached(undefined)} />}
    </>
  );
}

interface RowsProps {
  readonly host: Host;
  readonly volumes: readonly Volume[];
  /** Why it cannot be done to any of them now. */
  readonly reasons: { readonly delete: string | undefined; readonly attach: string | undefined };
  onDelete(volume: Volume): void;
  onAttach(volume: Volume): void;
}

function Rows({ host, volumes, reasons, onDelete, onAttach }: RowsProps) {
  const { t } = useTranslation();
  return (
    <DataTable
      label={t('nav.volumes')}
      minWidth={760}
      heads={[
        t('column.name'),
        t('devices.size'),
        t('volumes.used'),
        t('volumes.format'),
        t('volumes.modified'),
        t('volumes.lastVm'),
        t('machines.actions'),
      ]}
    >
      {volumes.map((volume) => {
        const { id, name, sizeGiB, usedGiB, format, path, modifiedAt, lastVm } = volume;
        return (
          <Table.Tr key={id} data-volume={id}>
            <Table.Th scope="row" fw={600} style={{ overflowWrap: 'anywhere' }}>
              <Group gap={2} wrap="nowrap">
                {name}
                {path !== undefined && <CopyButton value={path} label={t('devices.copyPath')} />}
              </Group>
            </Table.Th>
            <Table.Td>{formatGiB(sizeGiB)}</Table.Td>
            <Table.Td>{formatGiB(usedGiB)}</Table.Td>
            <Table.Td>{format ?? unknown}</Table.Td>
            <Table.Td>{modifiedAt === undefined ? unknown : <Ago at={modifiedAt} />}</Table.Td>
            <Table.Td style={{ overflowWrap: 'anywhere' }}>
              {lastVm === undefined ? (
                unknown
              ) : (
                // One that is gone has a page that says so, and leads to its archive.
                <Anchor
                  component={Link}
                  underline="always"
                  to="/machines/$vmId"
                  params={{ vmId: `${host.id}~${lastVm}` } as never}
                >
                  {lastVm}
                </Anchor>
              )}
            </Table.Td>
            <Table.Td>
              <Group gap="xs" wrap="nowrap">
                <ReasonedButton
                  size="compact-sm"
                  variant="default"
                  reason={reasons.attach}
                  label={t('volumes.attachOf', { name })}
                  onClick={() => onAttach(volume)}
                >
                  {t('volumes.attachIt')}
                </ReasonedButton>
                <ReasonedButton
                  size="compact-sm"
                  variant="default"
                  reason={reasons.delete}
                  label={t('volumes.deleteOf', { name })}
                  onClick={() => onDelete(volume)}
                >
                  {t('verb.delete')}
                </ReasonedButton>
              </Group>
            </Table.Td>
          </Table.Tr>
        );
      })}
    </DataTable>
  );
}

function DeleteDialog({ host, volume, onClose }: { host: string; volume: Volume; onClose: () => void }) {
  const { t } = useTranslation();
  const { id, name, sizeGiB, path } = volume;
  const call = calls.removeVolume(host, id);
  const planned = usePlanned(call, { isReady: true, atOnce: true, lossOf: name, onDone: onClose });
  return (
    <Dialog title={t('volumes.deleteOf', { name })} onClose={onClose}>
      <PlannedForm planned={planned} verb={t('verb.delete')} isPlaced={false} onCancel={onClose}>
        <Text style={{ overflowWrap: 'anywhere' }}>
          {formatGiB(sizeGiB)} {path}
        </Text>
      </PlannedForm>
    </Dialog>
  );
}
