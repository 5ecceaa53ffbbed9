import { Badge } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Vm } from '../api/client.ts';
import { solid } from './colours.ts';

/** Beside the name of a machine that is a template; nothing beside any other. */
export function TemplateMark({ vm }: { vm: Pick<Vm, 'template'> }) {
  const { t } = useTranslation();
  return vm.template ? (
    <Badge size="sm" color={solid.mark}>
      {t('machine.template')}
    </Badge>
  ) : null;
}
