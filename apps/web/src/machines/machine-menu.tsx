import { Menu } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { calls, powerVerbs } from '../api/changes.ts';
import { asCurl } from '../api/copied.ts';
import type { Vm } from '../api/client.ts';
import { useQuickChange } from '../ui/change.ts';
import { copyText } from '../ui/copy.tsx';
import { useObstacle } from './use-obstacle.ts';
import { dangerText } from '../ui/colours.ts';

/** Everything that can be done with one machine; what cannot be done now stays in its place and says why. */
export function MachineMenu({ vm, onDelete }: { vm: Vm; onDelete: () => void }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const change = useQuickChange();
  const deleting = obstacle('delete', vm);
  return (
    <>
      {powerVerbs.map((verb) => {
        const reason = obstacle(verb, vm);
        return (
          <Menu.Item
            key={verb}
            {...(reason !== undefined && { 'data-disabled': true, 'aria-disabled': true, title: reason })}
            onClick={() => reason === undefined && change(calls.power(vm.id, verb))}
          >
            {t(`verb.${verb}`)}
          </Menu.Item>
        );
      })}
      <Menu.Divider />
      <Menu.Item component={Link} to={`/machines/${encodeURIComponent(vm.id)}?tab=console`}>
        {t('tab.console')}
      </Menu.Item>
      <Menu.Item onClick={() => void copyText(vm.id)}>{t('common.copyId')}</Menu.Item>
      <Menu.Item onClick={() => void copyText(asCurl(calls.power(vm.id, vm.state === 'running' ? 'stop' : 'start')))}>
        {t('common.copyCurl')}
      </Menu.Item>
      <Menu.Divider />
      <Menu.Item
        c={dangerText}
        {...(deleting !== undefined && { 'data-disabled': true, 'aria-disabled': true, title: deleting })}
        onClick={() => deleting === undefined && onDelete()}
      >
        {t('verb.delete')}
      </Menu.Item>
    </>
  );
}
