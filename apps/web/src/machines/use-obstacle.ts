import { useQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Host, Permission, Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useLink } from '../live/live.tsx';
import { useMay } from '../session/session.tsx';
import { useForbidden } from '../session/use-forbidden.ts';
import { lackOf, obstacleTo, permissionOf, type MachineAction } from './actions.ts';

type CapabilityRef = [capability: keyof Host['capabilities'], feature?: string];

/** Hosts by id, for those who may see them. */
export function useHosts(): ReadonlyMap<string, Host> {
  const may = useMay();
  const { data } = useQuery({ ...queries.hosts(), enabled: may('host:read') });
  return useMemo(() => new Map((data ?? []).map((host) => [host.id, host])), [data]);
}

/** The sentence that says why an action is not possible now; undefined when it is. */
export function useObstacle(): (action: MachineAction, vm: Vm) => string | undefined {
  const { t } = useTranslation();
  const forbidden = useForbidden();
  const hosts = useHosts();
  const { state } = useLink();
  return useCallback(
    (action, vm) => {
      const lacking = forbidden(permissionOf(action));
      if (lacking !== undefined) return lacking;
      if (state === 'lost') return t('obstacle.link');
      const obstacle = obstacleTo(action, vm, hosts.get(vm.host));
      if (!obstacle) return undefined;
      return 'sentence' in obstacle
        ? obstacle.sentence
        : t(`obstacle.${obstacle.key}`, { state: t(`state.${vm.state}`) });
    },
    [t, forbidden, hosts, state],
  );
}

/** Why a host cannot do a part of something, in its own words; undefined when it can. */
export function useLack(hostId: string): (...ref: CapabilityRef) => string | undefined {
  const { t } = useTranslation();
  const host = useHosts().get(hostId);
  return (capability, feature) => {
    const lack = lackOf(host, capability, feature);
    return lack && (lack.reason ?? t('hosts.missing'));
  };
}

/** The sentence that says why something of a host is not possible now; undefined when it is. */
export function useHostObstacle(): (permission: Permission, host: Host) => string | undefined {
  const { t } = useTranslation();
  const forbidden = useForbidden();
  const { state } = useLink();
  return (permission, host) => {
    const lacking = forbidden(permission);
    if (lacking !== undefined) return lacking;
    if (state === 'lost') return t('obstacle.link');
    return host.state === 'offline' ? t('obstacle.offline') : undefined;
  };
}
