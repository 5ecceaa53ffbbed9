import type { components } from '@polyvirt/api-client';
import type { View } from './print.ts';

type Schemas = components['schemas'];
type ItemOf<Page extends keyof Schemas> = Schemas[Page] extends { items: (infer Item)[] } ? Item : never;

const gib = (mib: number | undefined) => (mib === undefined ? undefined : `${Number((mib / 1024).toFixed(1))} GiB`);
const memory = (mib: number | undefined) => (mib !== undefined && mib < 1024 ? `${mib} MiB` : gib(mib));
/** Of disks, which may be small. */
export const size = (value: number | undefined): string | undefined =>
  value === undefined
    ? undefined
    : value < 1
      ? `${Number((value * 1024).toFixed(1))} MiB`
      : `${Number(value.toFixed(1))} GiB`;
const percent = (value: number | undefined) => (value === undefined ? undefined : `${value.toFixed(1)}%`);

/** `3m`, `2h`, `5d`: how long ago. */
export function age(time: string | undefined, now = Date.now()): string | undefined {
  if (time === undefined) return undefined;
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)}h` : `${Math.round(seconds / 86_400)}d`;
}

const bytes = (value: number) =>
  value < 1024
    ? `${value} B`
    : value < 1024 ** 2
      ? `${(value / 1024).toFixed(1)} KiB`
      : `${(value / 1024 ** 2).toFixed(1)} MiB`;

export const vmView: View<Schemas['Vm']> = {
  key: ({ id }) => id,
  columns: [
    { header: 'NAME', value: ({ name }) => name },
    {
      header: 'STATE',
      value: ({ state, operation, template }) => `${state}${operation ? '*' : ''}${template ? ' (template)' : ''}`,
    },
    { header: 'HOST', value: ({ host, simulated }) => (simulated ? `${host} (simulated)` : host) },
    { header: 'ADDRESSES', value: ({ nics }) => nics.flatMap(({ addresses }) => addresses).join(' ') || undefined },
    { header: 'CPU', value: ({ cpus }) => cpus },
    { header: 'MEM', value: ({ memoryMiB }) => memory(memoryMiB) },
    { header: 'AGE', value: ({ createdAt }) => age(createdAt) },
    { header: 'ID', wide: true, value: ({ id }) => id },
    {
      header: 'DISKS',
      wide: true,
      value: ({ disks }) => disks.map(({ device, sizeGiB }) => `${device}:${size(sizeGiB) ?? '?'}`).join(' '),
    },
    { header: 'NETWORKS', wide: true, value: ({ nics }) => nics.map(({ network }) => network).join(' ') || undefined },
    {
      header: 'LABELS',
      wide: true,
      value: ({ labels }) =>
        Object.entries(labels)
          .map(([key, value]) => `${key}=${value}`)
          .join(',') || undefined,
    },
    { header: 'PROTECTED', wide: true, value: (vm) => vm.protected },
    { header: 'AUTOSTART', wide: true, value: ({ autostart }) => autostart },
  ],
};

export const snapshotView: View<Schemas['Snapshot']> = {
  key: ({ id }) => id,
  columns: [
    { header: 'NAME', value: ({ name, current }) => (current ? `${name} *` : name) },
    { header: 'STATE', value: ({ state }) => state },
    { header: 'MEMORY', value: ({ memory: kept }) => (kept ? 'yes' : 'no') },
    { header: 'PARENT', value: ({ parent }) => parent ?? undefined },
    { header: 'AGE', value: ({ createdAt }) => age(createdAt) },
    { header: 'ID', wide: true, value: ({ id }) => id },
    { header: 'DESCRIPTION', wide: true, value: ({ description }) => description },
  ],
};

export const hostView: View<Schemas['Host']> = {
  key: ({ id }) => id,
  columns: [
    { header: 'ID', value: ({ id }) => id },
    { header: 'STATE', value: ({ state }) => state },
    {
      header: 'HYPERVISOR',
      value: ({ hypervisor, simulated }) => (simulated ? `${hypervisor} (simulated)` : hypervisor),
    },
    { header: 'HEALTH', value: ({ health }) => health.status },
    { header: 'VMS', value: ({ totals }) => `${totals.running}/${totals.vms}` },
    { header: 'CPUS', value: ({ capacity }) => capacity.cpus },
    { header: 'MEM', value: ({ capacity }) => gib(capacity.memoryMiB) },
    { header: 'VERSION', value: ({ version }) => version },
    { header: 'SEEN', wide: true, value: ({ lastSeenAt }) => age(lastSeenAt) },
    { header: 'FREE', wide: true, value: ({ capacity }) => size(capacity.storageFreeGiB) },
    { header: 'AGENT', wide: true, value: ({ agentVersion }) => agentVersion },
    { header: 'DETAIL', wide: true, value: ({ health }) => health.detail },
  ],
};

export const imageView: View<ItemOf<'ImagePage'>> = {
  key: ({ name }) => name,
  columns: [
    { header: 'NAME', value: ({ name }) => name },
    { header: 'KIND', value: ({ kind }) => kind },
    { header: 'SIZE', value: ({ sizeGiB }) => size(sizeGiB) },
    { header: 'FORMAT', value: ({ format }) => format },
    { header: 'PATH', wide: true, value: ({ path }) => path },
  ],
};

export const networkView: View<ItemOf<'NetworkPage'>> = {
  key: ({ name }) => name,
  columns: [
    { header: 'NAME', value: ({ name }) => name },
    { header: 'KIND', value: ({ kind }) => kind },
    { header: 'ACTIVE', value: ({ active }) => (active ? 'yes' : 'no') },
    { header: 'CIDR', value: ({ cidr }) => cidr },
    { header: 'DHCP', value: ({ dhcp }) => (dhcp === undefined ? undefined : dhcp ? 'yes' : 'no') },
    { header: 'GATEWAY', wide: true, value: ({ gateway }) => gateway },
    { header: 'CLUSTER', wide: true, value: ({ cluster }) => cluster },
  ],
};

export const volumeView: View<ItemOf<'VolumePage'>> = {
  key: ({ id }) => id,
  columns: [
    { header: 'ID', value: ({ id }) => id },
    { header: 'NAME', value: ({ name }) => name },
    { header: 'SIZE', value: ({ sizeGiB }) => size(sizeGiB) },
    { header: 'WRITTEN', value: ({ modifiedAt }) => age(modifiedAt) },
    { header: 'LAST VM', value: ({ lastVm }) => lastVm },
    { header: 'USED', wide: true, value: ({ usedGiB }) => size(usedGiB) },
    { header: 'PATH', wide: true, value: ({ path }) => path },
  ],
};

export const templateView: View<ItemOf<'TemplatePage'>> = {
  key: ({ name }) => name,
  columns: [
    { header: 'NAME', value: ({ name }) => name },
    { header: 'MARKED', value: ({ marked }) => (marked ? 'yes' : 'no') },
    { header: 'SIZE', value: ({ sizeGiB }) => size(sizeGiB) },
    { header: 'ID', value: ({ nativeId }) => nativeId },
  ],
};

export const operationView: View<Schemas['Operation']> = {
  key: ({ id }) => id,
  columns: [
    { header: 'ID', value: ({ id }) => id },
    { header: 'VERB', value: ({ verb }) => verb },
    {
      header: 'STATUS',
      value: ({ status, progress }) => (status === 'running' ? `${status} ${Math.round(progress)}%` : status),
    },
    { header: 'VM', value: ({ vmId, host }) => vmId ?? host },
    { header: 'BY', value: ({ requestedBy }) => requestedBy },
    { header: 'AGE', value: ({ createdAt }) => age(createdAt) },
    { header: 'STEP', wide: true, value: ({ steps }) => steps.at(-1)?.name },
    { header: 'ERROR', wide: true, value: ({ error }) => error?.detail },
  ],
};

export const archiveView: View<Schemas['Archive']> = {
  key: ({ vmId }) => vmId,
  columns: [
    { header: 'NAME', value: ({ name }) => name },
    { header: 'VM', value: ({ vmId }) => vmId },
    { header: 'FOLDER', value: ({ folder }) => folder },
    { header: 'FILES', value: ({ files }) => files.length },
    { header: 'UPDATED', value: ({ updatedAt }) => age(updatedAt) },
    { header: 'DELETED', value: ({ deletedAt }) => age(deletedAt) },
  ],
};

export const archiveFileView: View<Schemas['Archive']['files'][number]> = {
  key: ({ path }) => path,
  columns: [
    { header: 'PATH', value: ({ path }) => path },
    { header: 'SIZE', value: ({ bytes: count }) => bytes(count) },
  ],
};

export const userView: View<Schemas['User']> = {
  key: ({ username }) => username,
  columns: [
    { header: 'USERNAME', value: ({ username }) => username },
    { header: 'ROLE', value: ({ role }) => role },
    { header: 'DISABLED', value: ({ disabled }) => (disabled ? 'yes' : 'no') },
    { header: 'LAST LOGIN', value: ({ lastLoginAt }) => age(lastLoginAt) },
    { header: 'ID', wide: true, value: ({ id }) => id },
  ],
};

export const tokenView: View<Schemas['ApiToken']> = {
  key: ({ id }) => id,
  columns: [
    { header: 'NAME', value: ({ name }) => name },
    { header: 'OWNER', value: ({ owner }) => owner },
    { header: 'PREFIX', value: ({ prefix }) => prefix },
    { header: 'EXPIRES', value: ({ expiresAt }) => expiresAt },
    { header: 'USED', value: ({ lastUsedAt }) => age(lastUsedAt) },
    { header: 'ID', value: ({ id }) => id },
    { header: 'SCOPES', wide: true, value: ({ scopes }) => scopes.join(',') },
  ],
};

export const sessionView: View<Schemas['Session']> = {
  key: ({ id }) => id,
  columns: [
    { header: 'ID', value: ({ id }) => id },
    { header: 'ADDRESS', value: ({ address }) => address },
    { header: 'CLIENT', value: ({ client }) => client },
    { header: 'SINCE', value: ({ createdAt }) => age(createdAt) },
    { header: 'USED', value: ({ lastUsedAt }) => age(lastUsedAt) },
    { header: 'EXPIRES', value: ({ expiresAt }) => expiresAt },
  ],
};

export const subscriberView: View<Schemas['Subscriber']> = {
  key: ({ id }) => id,
  columns: [
    { header: 'NAME', value: ({ name }) => name },
    { header: 'HOSTS', value: ({ hosts }) => hosts?.join(' ') ?? 'all' },
    { header: 'BY', value: ({ createdBy }) => createdBy },
    { header: 'AGE', value: ({ createdAt }) => age(createdAt) },
    { header: 'ID', value: ({ id }) => id },
  ],
};

export const auditView: View<ItemOf<'AuditPage'>> = {
  key: ({ id }) => id,
  columns: [
    { header: 'TIME', value: ({ at }) => at },
    { header: 'ACTOR', value: ({ actor }) => actor },
    { header: 'ACTION', value: ({ action }) => action },
    { header: 'TARGET', value: ({ target }) => target },
    { header: 'OUTCOME', value: ({ outcome, code }) => (code ? `${outcome} (${code})` : outcome) },
    { header: 'ADDRESS', value: ({ address }) => address },
    { header: 'REQUEST', wide: true, value: ({ requestId }) => requestId },
    { header: 'OPERATION', wide: true, value: ({ operationId }) => operationId },
  ],
};

type Point = Schemas['MetricsHistory']['points'][number];
const rate = (value: { average: number } | undefined) =>
  value === undefined ? undefined : `${bytes(Math.round(value.average))}/s`;

export const pointView: View<Point> = {
  key: ({ at }) => at,
  columns: [
    { header: 'TIME', value: ({ at }) => at },
    { header: 'CPU', value: ({ cpuPercent }) => percent(cpuPercent?.average) },
    { header: 'MEM', value: ({ memoryPercent }) => percent(memoryPercent?.average) },
    { header: 'READ', value: ({ diskReadBytesPerSecond }) => rate(diskReadBytesPerSecond) },
    { header: 'WRITE', value: ({ diskWriteBytesPerSecond }) => rate(diskWriteBytesPerSecond) },
    { header: 'RX', value: ({ rxBytesPerSecond }) => rate(rxBytesPerSecond) },
    { header: 'TX', value: ({ txBytesPerSecond }) => rate(txBytesPerSecond) },
  ],
};

export interface TopRow {
  readonly vm: Schemas['Vm'];
  readonly point: Point | undefined;
}

export const topView: View<TopRow> = {
  key: ({ vm }) => vm.id,
  columns: [
    { header: 'NAME', value: ({ vm }) => vm.name },
    { header: 'STATE', value: ({ vm }) => vm.state },
    { header: 'HOST', value: ({ vm }) => vm.host },
    ...pointView.columns.slice(1).map(({ header, value }) => ({
      header,
      value: ({ point }: TopRow) => point && value(point),
    })),
  ],
};
