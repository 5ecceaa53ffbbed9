import { TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { eventsRoute } from '../routes/router.tsx';
import { useKeys } from '../ui/keys.ts';
import { Guarded, PageTitle } from '../ui/states.tsx';
import { EventTail } from './event-tail.tsx';

export function Events() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { q = '' } = eventsRoute.useSearch();
  const field = useRef<HTMLInputElement>(null);
  useKeys({ '/': () => field.current?.focus() });
  return (
    <Guarded permission="event:read">
      <PageTitle title={t('nav.events')} />
      <TextInput
        ref={field}
        mb="md"
        aria-label={t('events.filter')}
        placeholder={t('events.filter')}
        value={q}
        onChange={({ currentTarget: { value } }) =>
          void navigate({ to: '/events', search: value === '' ? {} : { q: value }, replace: true })
        }
      />
      <EventTail topic="events" filter={q} empty={t('overview.noEvents')} />
    </Guarded>
  );
}
