import { ApiProblem } from '@polyvirt/api-client';
import RFB from '@novnc/novnc';
import { Button, Group, Stack, Switch, Text } from '@mantine/core';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Vm } from '../api/client.ts';
import { useObstacle } from '../machines/use-obstacle.ts';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { ProblemAlert } from '../ui/states.tsx';
import { consoleAddress } from './console-address.ts';
import { ConsolePaste } from './console-paste.tsx';
import { ConsoleObstacle, KeysMenu, WindowButtons } from './console-window.tsx';
import { keysyms, strokesOf } from './keysyms.ts';
import { consoleBarId, useWayOut } from './use-way-out.ts';

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
export default function MachineScreen({ vm }: { vm: Vm }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
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
      const address = await consoleAddress(vm.id, 'graphic');
      screen.current?.disconnect();
      const socket = new WebSocket(address);
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
  useWayOut(useCallback(() => screen.current?.blur(), []));

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

  if (!possible) return <ConsoleObstacle vm={vm} reason={reason} />;
  return (
    <Stack gap="xs">
      <Group gap="xs" id={consoleBarId}>
        <Button size="xs" variant="default" onClick={() => screen.current?.sendCtrlAltDel()}>
          {t('console.ctrlAltDel')}
        </Button>
        <KeysMenu keys={combinations} onPick={press} />
        <WindowButtons box={box} />
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
