import { Menu } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { calls, powerVerbs, type PowerVerb } from '../api/calls.ts';
import { asCurl } from '../api/copied.ts';
import type { Vm } from '../api/client.ts';
import { useQuickChange } from '../ui/change.ts';
import { copyText } from '../ui/copy.tsx';
import { forcedActions, type ForcedAction } from './force-dialog.tsx';
import { useObstacle } from './use-obstacle.ts';
import { dangerText } from '../ui/colours.ts';

interface Props {
  readonly vm: Vm;
  onDelete(): void;
  /** Its plan is shown first, in a dialog that outlives the menu. */
  onForce(action: ForcedAction): void;
}

/** Everything that can be done with one machine; what cannot be done now stays in its place and says why. */
export function MachineMenu({ vm, onDelete, onForce }: Props) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const change = useQuickChange();
  const deleting = obstacle('delete', vm);
  const item = (action: PowerVerb | ForcedAction | 'template', act: () => void, label = t(`verb.${action}`)) => {
    const reason = obstacle(action, vm);
    return (
      <Menu.Item
        key={action}
        {...(reason !== undefined && {
          'data-disabled': true,
          'aria-disabled': true,
          'aria-description': reason,
          title: reason,
          closeMenuOnClick: false,
        })}
        onClick={() => reason === undefined && act()}
      >
        {label}
      </Menu.Item>
    );
  };
  return (
    <>
      {powerVerbs.map((verb) => verb !== 'reset' && item(verb, () => change(calls.power(vm.id, verb))))}
      <Menu.Divider />
      {forcedActions.map((action) => item(action, () => onForce(action)))}
      <Menu.Divider />
      {item(
        'template',
        () => change(calls.edit(vm.id, { template: !vm.template })),
        t(vm.template ? 'verb.untemplate' : 'verb.template'),
      )}
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
        {...(deleting !== undefined && {
          'data-disabled': true,
          'aria-disabled': true,
          'aria-description': deleting,
          title: deleting,
          closeMenuOnClick: false,
        })}
        onClick={() => deleting === undefined && onDelete()}
      >
        {t('verb.delete')}
      </Menu.Item>
    </>
  );
}
