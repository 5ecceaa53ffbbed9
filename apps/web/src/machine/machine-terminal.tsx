import { ApiProblem } from '@polyvirt/api-client';
import { Button, Group, Stack, Text } from '@mantine/core';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Vm } from '../api/client.ts';
import { useObstacle } from '../machines/use-obstacle.ts';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { ProblemAlert } from '../ui/states.tsx';
import { consoleAddress } from './console-address.ts';
import { ConsoleObstacle, KeysMenu, WindowButtons } from './console-window.tsx';
import { consoleBarId, useWayOut } from './use-way-out.ts';

const retryMs = 2_000;
const mostTries = 5;
const scrollbackLines = 5_000;

type Link = 'idle' | 'connecting' | 'connected' | 'ended';

/** What the browser keeps for itself when it is typed. */
const keys: Record<string, string> = {
  'Ctrl+C': '\x03',
  'Ctrl+D': '\x04',
  'Ctrl+W': '\x17',
  'Ctrl+Z': '\x1a',
  Escape: '\x1b',
  Tab: '\t',
};

/** The terminal at the serial port of the machine. What it has shown stays while the connection comes and goes. */
export default function MachineTerminal({ vm }: { vm: Vm }) {
  const { t } = useTranslation();
  const reason = useObstacle()('consoleText', vm);
  const possible = reason === undefined;
  const box = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal>(undefined);
  const socket = useRef<WebSocket>(undefined);
  const [link, setLink] = useState<Link>('idle');
  const [end, setEnd] = useState('');
  const [again, setAgain] = useState(false);
  const tries = useRef(0);
  const [error, setError] = useState<unknown>();
  const wasOpened = possible || link !== 'idle';

  useEffect(() => {
    if (!wasOpened) return;
    const shown = new Terminal({ cursorBlink: true, scrollback: scrollbackLines, screenReaderMode: true });
    const fit = new FitAddon();
    shown.loadAddon(fit);
    shown.open(box.current!);
    shown.onData((typed) => send(socket.current, typed));
    const observer = new ResizeObserver(() => fit.fit());
    observer.observe(box.current!);
    terminal.current = shown;
    return () => {
      observer.disconnect();
      shown.dispose();
      terminal.current = undefined;
      socket.current?.close();
      socket.current = undefined;
    };
  }, [wasOpened]);

  const connect = useCallback(async () => {
    setLink('connecting');
    setError(undefined);
    setAgain(false);
    tries.current += 1;
    try {
      const opened = new WebSocket(await consoleAddress(vm.id, 'text'), 'binary');
      opened.binaryType = 'arraybuffer';
      // Left meanwhile.
      if (!terminal.current) return opened.close();
      socket.current?.close();
      socket.current = opened;
      opened.onopen = () => {
        tries.current = 0;
        setLink('connected');
        terminal.current?.focus();
      };
      opened.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => terminal.current?.write(new Uint8Array(data));
      opened.onclose = ({ reason: why }) => {
        if (socket.current !== opened) return;
        socket.current = undefined;
        // A host that is too busy to open it is asked again; why it does not, a browser is not told.
        setAgain(tries.current > 0 && tries.current < mostTries);
        setEnd(why);
        setLink('ended');
      };
    } catch (caught) {
      setError(caught);
      setLink('ended');
    }
  }, [vm.id]);
  // So is one that is busy, as while the machine starts.
  const isTriedAgain = again || (error instanceof ApiProblem && error.retryable);
  useEffect(() => {
    if (!isTriedAgain) return;
    const later = setTimeout(() => void connect(), retryMs);
    return () => clearTimeout(later);
  }, [isTriedAgain, error, connect]);
  // By itself when the machine is started or the gateway is back, and not when somebody else has taken it over.
  useEffect(() => {
    if (possible && socket.current === undefined) void connect();
  }, [possible, connect]);
  useWayOut(useCallback(() => terminal.current?.blur(), []));

  const reconnect = () => {
    tries.current = 0;
    void connect();
  };
  const type = (text: string) => {
    send(socket.current, text);
    terminal.current?.focus();
  };
  const paste = async () => {
    terminal.current?.paste(await navigator.clipboard.readText());
    terminal.current?.focus();
  };
  // Nothing on a serial line carries it, so a shell has to be told.
  const tellSize = () => {
    const { rows, cols } = terminal.current!;
    type(`${['stty', 'rows', rows, 'cols', cols].join(' ')}\r`);
  };

  if (!wasOpened) return <ConsoleObstacle vm={vm} reason={reason} />;
  return (
    <Stack gap="xs">
      <Group gap="xs" id={consoleBarId}>
        <KeysMenu keys={keys} onPick={type} />
        <ReasonedButton
          size="xs"
          variant="default"
          reason={isSecureContext ? undefined : t('console.pasteByKeys')}
          onClick={() => void paste()}
        >
          {t('console.paste')}
        </ReasonedButton>
        <Button size="xs" variant="default" onClick={tellSize} title={t('console.sizeWhy')}>
          {t('console.size')}
        </Button>
        <WindowButtons box={box} />
        <Text size="sm" role="status" data-console={link}>
          {t(`console.${link}`)}
          {link === 'ended' && end !== '' && `: ${end}`}
        </Text>
        {link === 'ended' && (
          <ReasonedButton size="xs" reason={reason} onClick={reconnect}>
            {t('console.reconnect')}
          </ReasonedButton>
        )}
      </Group>
      {error !== undefined && <ProblemAlert error={error} retry={() => void connect()} />}
      <Text size="sm">{t('console.leaveTerminal')}</Text>
      <div
        ref={box}
        className="console-terminal"
        role="application"
        aria-label={t('console.terminal', { name: vm.name })}
      />
    </Stack>
  );
}

/** What is typed while there is no connection goes nowhere, as there is nobody to echo it. */
function send(socket: WebSocket | undefined, text: string): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(new TextEncoder().encode(text));
}
