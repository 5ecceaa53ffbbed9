import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import type { Permission } from '../api/client.ts';
import { roleFor } from './roles.ts';
import { useMay } from './session.tsx';

/** The sentence that says which role is missing for something; undefined where the user has the permission. */
export function useForbidden(): (permission: Permission) => string | undefined {
  const { t } = useTranslation();
  const may = useMay();
  return useCallback(
    (permission) =>
      may(permission) ? undefined : t('forbidden.detail', { permission, role: t(`role.${roleFor(permission)}`) }),
    [t, may],
  );
}
