import { Alert, Button, Menu, Stack, Text } from '@mantine/core';
import type { RefObject } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Vm } from '../api/client.ts';
import { useObstacle } from '../machines/use-obstacle.ts';
import { useQuickChange } from '../ui/change.ts';
import { ReasonedButton } from '../ui/reasoned.tsx';

/** Why a console cannot be opened, and what to do about it where the machine is off. */
export function ConsoleObstacle({ vm, reason }: { vm: Vm; reason: string }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const change = useQuickChange();
  return (
    <Alert>
      <Stack align="flex-start">
        <Text>{reason}</Text>
        <ReasonedButton reason={obstacle('start', vm)} onClick={() => change(calls.power(vm.id, 'start'))}>
          {t('console.start')}
        </ReasonedButton>
      </Stack>
    </Alert>
  );
}

interface KeysMenuProps<Keys> {
  readonly keys: Readonly<Record<string, Keys>>;
  onPick(keys: Keys): void;
}

/** Keys that the browser keeps for itself, by their names. */
export function KeysMenu<Keys>({ keys, onPick }: KeysMenuProps<Keys>) {
  const { t } = useTranslation();
  return (
    <Menu>
      <Menu.Target>
        <Button size="xs" variant="default">
          {t('console.keys')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {Object.entries(keys).map(([name, one]) => (
          <Menu.Item key={name} onClick={() => onPick(one)}>
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** The buttons that make a console larger. */
export function WindowButtons({ box }: { box: RefObject<HTMLElement | null> }) {
  const { t } = useTranslation();
  return (
    <>
      <Button size="xs" variant="default" onClick={() => void box.current?.parentElement?.requestFullscreen()}>
        {t('console.fullScreen')}
      </Button>
      <Button
        size="xs"
        variant="default"
        onClick={() => window.open(location.href, '_blank', 'popup,width=1100,height=800')}
      >
        {t('console.popOut')}
      </Button>
    </>
  );
}
