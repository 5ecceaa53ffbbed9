import { Alert, Button, Code, Group, Stack, Text, UnstyledButton } from '@mantine/core';
import { useCallback, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { asEventCurl } from '../api/copied.ts';
import { formatTime } from '../i18n/format.ts';
import type { LiveEvent } from '../live/connection.ts';
import { useEvents, useGaps } from '../live/live.tsx';
import { CopyButton } from '../ui/copy.tsx';
import { useKeys } from '../ui/keys.ts';
import { saveAs } from '../ui/save.ts';
import { Empty, ProblemAlert } from '../ui/states.tsx';
import { useRecentEvents } from './use-recent-events.ts';

const most = 500;
/** So far back is looked when somebody asks for what was before. */
const earlierAtMost = 1_000;

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
  const [gap, setGap] = useState(false);
  useGaps(useCallback(() => setGap(true), []));
  const [wantsEarlier, setWantsEarlier] = useState(false);
  const earlier = useRecentEvents(wantsEarlier ? earlierAtMost : 0, subject);
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
  const heard = new Set(events.map(({ id }) => id));
  const shown = [...events, ...earlier.events.filter(({ id }) => !heard.has(id))].filter(
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
        {!wantsEarlier && (
          <Button variant="default" size="xs" onClick={() => setWantsEarlier(true)}>
            {t('events.earlier')}
          </Button>
        )}
        <Group gap={4}>
          <Text size="sm">{t('common.copyCurl')}</Text>
          <CopyButton value={asEventCurl(subject)} label={t('common.copyCurl')} />
        </Group>
      </Group>
      {gap && (
        <Alert
          color="orange"
          variant="outline"
          role="alert"
          withCloseButton
          onClose={() => setGap(false)}
          closeButtonLabel={t('common.close')}
        >
          {t('events.gap')}
        </Alert>
      )}
      {earlier.error !== undefined && <ProblemAlert error={earlier.error} />}
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
