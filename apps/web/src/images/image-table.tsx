import { Button, Group, Table, Text } from '@mantine/core';
import { ApiProblem } from '@polyvirt/api-client';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Host, Image } from '../api/client.ts';
import { formatGiB, unknown } from '../i18n/format.ts';
import { lackOf } from '../machines/actions.ts';
import { useHostObstacle } from '../machines/use-obstacle.ts';
import { CopyButton } from '../ui/copy.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { useReview } from '../ui/plan.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';

export interface HostImage {
  readonly host: Host;
  readonly image: Image;
}

interface Props {
  readonly images: readonly HostImage[];
  onDelete(image: HostImage): void;
}

export function ImageTable({ images, onDelete }: Props) {
  const { t } = useTranslation();
  const obstacleOf = useDeleteObstacle();
  return (
    <DataTable
      label={t('nav.images')}
      minWidth={760}
      heads={[
        t('column.name'),
        t('column.host'),
        t('images.kind'),
        t('devices.size'),
        t('volumes.format'),
        t('images.usedBy'),
        t('machines.actions'),
      ]}
    >
      {images.map(({ host, image }) => {
        const { name, kind, sizeGiB, format, path } = image;
        const reason = obstacleOf(host);
        return (
          <Table.Tr key={`${host.id} ${kind} ${name}`} data-image={name} data-stale={host.state === 'offline'}>
            <Table.Th scope="row" fw={600} style={{ overflowWrap: 'anywhere' }}>
              <Group gap={2} wrap="nowrap">
                {name}
                {path !== undefined && <CopyButton value={path} label={t('devices.copyPath')} />}
              </Group>
            </Table.Th>
            <Table.Td>{host.id}</Table.Td>
            <Table.Td>{t(`images.kind_${kind}`)}</Table.Td>
            <Table.Td>{formatGiB(sizeGiB)}</Table.Td>
            <Table.Td>{format ?? unknown}</Table.Td>
            <Table.Td maw={320}>
              <UsedBy host={host} image={image} reason={reason} />
            </Table.Td>
            <Table.Td>
              <ReasonedButton
                size="compact-sm"
                variant="default"
                reason={reason}
                label={t('images.deleteOf', { name })}
                onClick={() => onDelete({ host, image })}
              >
                {t('verb.delete')}
              </ReasonedButton>
            </Table.Td>
          </Table.Tr>
        );
      })}
    </DataTable>
  );
}

function useDeleteObstacle(): (host: Host) => string | undefined {
  const { t } = useTranslation();
  const obstacle = useHostObstacle();
  return (host) => {
    const lack = lackOf(host, 'images', 'delete');
    return lack ? (lack.reason ?? t('hosts.missing')) : obstacle('vm:delete', host);
  };
}

/** Only the host knows, by what its disks stand on: it is asked what would speak against a deletion, which is not made. */
function UsedBy({ host, image, reason }: HostImage & { readonly reason: string | undefined }) {
  const { t } = useTranslation();
  const { plan, error, isPending, ask } = useReview(calls.removeImage(host.id, image));
  if (plan) return t('images.unused');
  if (error)
    return (
      <Group gap="xs">
        <Text size="sm" role="status" style={{ overflowWrap: 'anywhere' }}>
          {error instanceof ApiProblem ? error.message : t('problem.unreachable')}
        </Text>
        <Button size="compact-sm" variant="subtle" onClick={ask}>
          {t('common.retry')}
        </Button>
      </Group>
    );
  return (
    <ReasonedButton
      size="compact-sm"
      variant="subtle"
      loading={isPending}
      reason={reason}
      label={t('images.whoUsesOf', { name: image.name })}
      onClick={ask}
    >
      {t('images.whoUses')}
    </ReasonedButton>
  );
}
