import { Button, Group, Menu, TextInput } from '@mantine/core';
import { IconStar } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMe } from '../session/session.tsx';
import { useSavePreferences } from '../settings/preferences.ts';
import { dangerText } from './colours.ts';
import { ProblemAlert } from './states.tsx';

interface Props {
  /** Whose views they are. */
  readonly page: string;
  readonly label: string;
  /** What is kept of the page as it is now. */
  query(): URLSearchParams;
  onOpen(query: URLSearchParams): void;
}

/** States of a page that its user comes back to, in any browser. */
export function SavedViews({ page, label, query, onOpen }: Props) {
  const { t } = useTranslation();
  const { views = [] } = useMe().preferences;
  const save = useSavePreferences();
  const [name, setName] = useState('');
  const ours = views.filter((view) => view.page === page);
  const keep = () => {
    const others = views.filter((view) => view.page !== page || view.name !== name.trim());
    save.mutate({ views: [...others, { name: name.trim(), page, query: query().toString() }] });
    setName('');
  };
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" leftSection={<IconStar size={16} />}>
            {label}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {ours.length === 0 && <Menu.Label>{t('views.none')}</Menu.Label>}
          {ours.map((view) => (
            <Menu.Item key={view.name} onClick={() => onOpen(new URLSearchParams(view.query))}>
              {view.name}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Group gap="xs" p="xs" wrap="nowrap">
            <TextInput
              size="xs"
              aria-label={t('views.name')}
              placeholder={t('views.name')}
              maxLength={80}
              value={name}
              onChange={({ currentTarget }) => setName(currentTarget.value)}
              onKeyDown={(event) => event.stopPropagation()}
            />
            <Button size="xs" disabled={name.trim() === ''} aria-disabled={name.trim() === ''} onClick={keep}>
              {t('common.save')}
            </Button>
          </Group>
          {ours.length > 0 && <Menu.Label>{t('views.remove')}</Menu.Label>}
          {ours.map((view) => (
            <Menu.Item
              key={view.name}
              c={dangerText}
              onClick={() => save.mutate({ views: views.filter((other) => other !== view) })}
            >
              {view.name}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {save.isError && <ProblemAlert error={save.error} />}
    </>
  );
}
