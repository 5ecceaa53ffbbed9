import { ApiProblem } from '@polyvirt/api-client';
import RFB from '@novnc/novnc';
import { Alert, Button, Group, Menu, Stack, Switch, Text } from '@mantine/core';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import { client, type Vm } from '../api/client.ts';
import { useObstacle } from '../machines/use-obstacle.ts';
import { useQuickChange } from '../ui/change.ts';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { ProblemAlert } from '../ui/states.tsx';
import { ConsolePaste } from './console-paste.tsx';
import { keysyms, strokesOf } from './keysyms.ts';

const retryMs = 2_000;

type Link = 'idle' | 'connecting' | 'connected' | 'ended';

const combinations: Record<string, readonly number[]> = {
  'Ctrl+Alt+F1': [keysyms.Control, keysyms.Alt, keysyms.F1],
  'Ctrl+Alt+F2': [keysyms.Control, keysyms.Alt, keysyms.F1 + 1],
  'Alt+Tab': [keysyms.Alt, keysyms.Tab],
  Escape: [keysyms.Escape],
  Super: [keysyms.Super],
};

/** The screen of the machine. Each connection takes a ticket of its own. */
export default function MachineConsole({ vm }: { vm: Vm }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const change = useQuickChange();
  const box = useRef<HTMLDivElement>(null);
  const screen = useRef<RFB>(undefined);
  const [link, setLink] = useState<Link>('idle');
  const [error, setError] = useState<unknown>();
  const [viewOnly, setViewOnly] = useState(false);
  const [isScaled, setScaled] = useState(true);
  const [isPasting, setPasting] = useState(false);
  /** What the other side said when it ended the connection, as when somebody else has taken the screen over. */
  const [farewell, setFarewell] = useState('');
  const reason = obstacle('console', vm);

  const connect = useCallback(async () => {
    setLink('connecting');
    setError(undefined);
    setFarewell('');
    try {
      const { data } = await client.POST('/api/v1/vms/{vmId}/console', { params: { path: { vmId: vm.id } } });
      const url = new URL(data.url, location.origin);
      url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
      screen.current?.disconnect();
      const socket = new WebSocket(url.href);
      const rfb = new RFB(box.current!, socket);
      socket.addEventListener('close', ({ reason: said }) => screen.current === rfb && setFarewell(said));
      rfb.addEventListener('connect', () => setLink('connected'));
      rfb.addEventListener('disconnect', () => setLink('ended'));
      screen.current = rfb;
    } catch (caught) {
      setError(caught);
      setLink('ended');
    }
  }, [vm.id]);
  // A host that is busy, as while the machine starts, is asked again.
  useEffect(() => {
    if (!(error instanceof ApiProblem) || !error.retryable) return;
    const again = setTimeout(() => void connect(), retryMs);
    return () => clearTimeout(again);
  }, [error, connect]);

  const possible = reason === undefined;
  useEffect(() => {
    if (possible) void connect();
    return () => {
      screen.current?.disconnect();
      screen.current = undefined;
    };
  }, [possible, connect]);
  useEffect(() => {
    if (screen.current) screen.current.viewOnly = viewOnly;
  }, [viewOnly, link]);
  useEffect(() => {
    if (!screen.current) return;
    screen.current.scaleViewport = isScaled;
    // A larger screen is dragged, as there is nothing to scroll.
    screen.current.clipViewport = !isScaled;
    screen.current.dragViewport = !isScaled && viewOnly;
  }, [isScaled, viewOnly, link]);
  // Every key goes to the machine, so there has to be one that leads out again.
  useEffect(() => {
    const leave = (event: KeyboardEvent) => {
      if (!event.ctrlKey || !event.altKey || event.key !== 'Shift') return;
      event.stopPropagation();
      screen.current?.blur();
      document.getElementById('console-bar')?.querySelector('button')?.focus();
    };
    addEventListener('keydown', leave, { capture: true });
    return () => removeEventListener('keydown', leave, { capture: true });
  }, []);

  const press = (keys: readonly number[]) => {
    for (const key of keys) screen.current?.sendKey(key, null, true);
    for (const key of keys.toReversed()) screen.current?.sendKey(key, null, false);
    screen.current?.focus();
  };
  const type = (text: string) => {
    for (const [key, isShifted] of strokesOf(text)) {
      if (isShifted) screen.current?.sendKey(keysyms.Shift, null, true);
      screen.current?.sendKey(key, null);
      if (isShifted) screen.current?.sendKey(keysyms.Shift, null, false);
    }
    screen.current?.focus();
  };
  const save = () => {
    const canvas = box.current?.querySelector('canvas');
    const anchor = document.createElement('a');
    anchor.href = canvas?.toDataURL('image/png') ?? '';
    anchor.download = `${vm.name}.png`;
    anchor.click();
  };

  if (!possible)
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
  return (
    <Stack gap="xs">
      <Group gap="xs" id="console-bar">
        <Button size="xs" variant="default" onClick={() => screen.current?.sendCtrlAltDel()}>
          {t('console.ctrlAltDel')}
        </Button>
        <Menu>
          <Menu.Target>
            <Button size="xs" variant="default">
              {t('console.keys')}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {Object.entries(combinations).map(([name, keys]) => (
              <Menu.Item key={name} onClick={() => press(keys)}>
                {name}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
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
        <Button size="xs" variant="default" onClick={save}>
          {t('console.screenshot')}
        </Button>
        <ReasonedButton
          size="xs"
          variant="default"
          reason={link === 'connected' ? (viewOnly ? t('console.viewOnly') : undefined) : t(`console.${link}`)}
          onClick={() => setPasting(true)}
        >
          {t('console.paste')}
        </ReasonedButton>
        <Switch
          label={t('console.scale')}
          checked={isScaled}
          onChange={({ currentTarget }) => setScaled(currentTarget.checked)}
        />
        <Switch
          label={t('console.viewOnly')}
          checked={viewOnly}
          onChange={({ currentTarget }) => setViewOnly(currentTarget.checked)}
        />
        <Text size="sm" role="status" data-console={link}>
          {t(`console.${link}`)}
        </Text>
        {link === 'ended' && (
          <Button size="xs" onClick={() => void connect()}>
            {t('console.reconnect')}
          </Button>
        )}
      </Group>
      {link === 'ended' && farewell !== '' && (
        <Text size="sm" role="status">
          {farewell}
        </Text>
      )}
      {isPasting && <ConsolePaste onType={type} onClose={() => setPasting(false)} />}
      {error !== undefined && <ProblemAlert error={error} retry={() => void connect()} />}
      <Text size="sm">{t('console.leave')}</Text>
      <div
        ref={box}
        className="console-screen"
        role="application"
        aria-label={t('console.screen', { name: vm.name })}
      />
    </Stack>
  );
}
