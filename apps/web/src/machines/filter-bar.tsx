import { ActionIcon, Button, Group, Menu, Pill, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconStar, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMe } from '../session/session.tsx';
import { useSavePreferences } from '../settings/preferences.ts';
import { useKeys } from '../ui/keys.ts';
import { ColumnMenu } from './column-menu.tsx';
import { parseFilter, writeFilter } from './filter-syntax.ts';
import { dangerText } from '../ui/colours.ts';

const page = 'machines';
const typingMs = 150;

interface Props {
  readonly q: string;
  readonly sort: string;
  readonly columnIds: readonly string[];
  onSearch(next: { q?: string | undefined; sort?: string; columns?: string | undefined }): void;
}

/** Typed filter with a chip for each of its parts, views to come back to, and which columns there are. */
export function FilterBar({ q, sort, columnIds, onSearch }: Props) {
  const { t } = useTranslation();
  const [text, setText] = useState(q);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => setText(q), [q]);
  useKeys({ '/': () => field.current?.focus() });
  const type = useDebouncedCallback((next: string) => onSearch({ q: next.trim() || undefined }), typingMs);
  const parts = parseFilter(q);
  return (
    <Group gap="xs" align="flex-start">
      <TextInput
        ref={field}
        flex={1}
        miw={220}
        aria-label={t('machines.filter')}
        placeholder={t('machines.filterHint')}
        value={text}
        onChange={({ currentTarget }) => {
          setText(currentTarget.value);
          type(currentTarget.value);
        }}
        rightSection={
          text !== '' && (
            <ActionIcon
              variant="subtle"
              aria-label={t('machines.clearFilter')}
              onClick={() => onSearch({ q: undefined })}
            >
              <IconX size={16} />
            </ActionIcon>
          )
        }
      />
      <Views q={q} sort={sort} columnIds={columnIds} onSearch={onSearch} />
      <ColumnMenu columnIds={columnIds} onChange={(columns) => onSearch({ columns: columns.join(',') })} />
      {parts.length > 0 && (
        <Pill.Group w="100%">
          {parts.map((part, index) => (
            <Pill
              key={`${part.key} ${index}`}
              withRemoveButton
              removeButtonProps={{
                'aria-label': t('machines.removeFilter', { filter: part.value }),
                'aria-hidden': false,
                tabIndex: 0,
              }}
              onRemove={() => onSearch({ q: writeFilter(parts.filter((other) => other !== part)) || undefined })}
            >
              {part.key === 'q' ? part.value : `${part.key}: ${part.value}`}
            </Pill>
          ))}
        </Pill.Group>
      )}
    </Group>
  );
}

function Views({ q, sort, columnIds, onSearch }: Props) {
  const { t } = useTranslation();
  const { views = [] } = useMe().preferences;
  const save = useSavePreferences();
  const [name, setName] = useState('');
  const ours = views.filter((view) => view.page === page);
  const keep = () => {
    const query = new URLSearchParams({ q, sort, columns: columnIds.join(',') }).toString();
    const others = views.filter((view) => view.page !== page || view.name !== name.trim());
    save.mutate({ views: [...others, { name: name.trim(), page, query }] });
    setName('');
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" leftSection={<IconStar size={16} />}>
          {t('views.title')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {ours.length === 0 && <Menu.Label>{t('views.none')}</Menu.Label>}
        {ours.map((view) => (
          <Menu.Item
            key={view.name}
            onClick={() => {
              const kept = new URLSearchParams(view.query);
              onSearch({
                q: kept.get('q') || undefined,
                sort: kept.get('sort') ?? 'name',
                columns: kept.get('columns') ?? undefined,
              });
            }}
          >
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
  );
}
