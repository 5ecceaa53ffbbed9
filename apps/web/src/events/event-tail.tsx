import { Button, Code, Group, Stack, Text, UnstyledButton } from '@mantine/core';
import { useCallback, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { formatTime } from '../i18n/format.ts';
import type { LiveEvent } from '../live/connection.ts';
import { useEvents } from '../live/live.tsx';
import { useKeys } from '../ui/keys.ts';
import { saveAs } from '../ui/save.ts';
import { Empty } from '../ui/states.tsx';

const most = 500;

interface Props {
  readonly topic: string;
  /** Only events about this VM. */
  readonly subject?: string;
  /** Part of a type, host or subject. */
  readonly filter?: string;
  readonly empty: string;
}

/** Events as they happen; a pause holds the list still and counts what waits. */
export function EventTail({ topic, subject, filter = '', empty }: Props) {
  const { t } = useTranslation();
  const [events, setEvents] = useState<readonly LiveEvent[]>([]);
  const [waiting, setWaiting] = useState(0);
  const [paused, setPaused] = useState(false);
  const held = useRef<LiveEvent[]>([]);
  const stopped = useRef(false);
  stopped.current = paused;
  useEvents(
    useCallback(
      (event) => {
        if (subject !== undefined && subjectOf(event) !== subject) return;
        if (!stopped.current) setEvents((known) => [event, ...known].slice(0, most));
        else setWaiting(held.current.unshift(event));
      },
      [subject],
    ),
    topic,
  );
  const toggle = () => {
    if (paused) {
      const waited = held.current.splice(0);
      setEvents((known) => [...waited, ...known].slice(0, most));
      setWaiting(0);
    }
    setPaused(!paused);
  };
  useKeys({ ' ': toggle });
  const wanted = filter.toLowerCase();
  const shown = events.filter(
    ({ type, source, subject: about }) => wanted === '' || `${type} ${source} ${about}`.toLowerCase().includes(wanted),
  );
  const save = () => saveAs('events.ndjson', shown.map((event) => `${JSON.stringify(event)}\n`).join(''));
  return (
    <Stack>
      <Group>
        <Button variant="default" size="xs" onClick={toggle} aria-pressed={paused}>
          {paused ? t('events.resume', { count: waiting }) : t('events.pause')}
        </Button>
        <Button variant="default" size="xs" onClick={save}>
          {t('events.export')}
        </Button>
      </Group>
      {shown.length === 0 && <Empty title={empty} />}
      <Stack gap={0} component="ul" p={0} m={0} aria-label={t('nav.events')}>
        {shown.map((event) => (
          <EventRow key={event.id} event={event} />
        ))}
      </Stack>
    </Stack>
  );
}

function EventRow({ event }: { event: LiveEvent }) {
  const [open, setOpen] = useState(false);
  return (
    <li style={{ listStyle: 'none' }}>
      <UnstyledButton w="100%" py={4} onClick={() => setOpen(!open)} aria-expanded={open}>
        <Group gap="sm" wrap="nowrap">
          <Text size="sm">{formatTime(event.time)}</Text>
          <Text size="sm" fw={600}>
            {event.type}
          </Text>
          <Text size="sm" truncate>
            {event.subject}
          </Text>
        </Group>
      </UnstyledButton>
      {open && <Code block>{JSON.stringify(event, undefined, 2)}</Code>}
    </li>
  );
}

/** The VM that an event is about, or its operation is. */
function subjectOf({ subject, data }: LiveEvent): string {
  const { operation } = data as { operation?: { vmId?: string } };
  return operation?.vmId ?? subject;
}
