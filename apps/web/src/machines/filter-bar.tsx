import { ActionIcon, Group, Pill, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useKeys } from '../ui/keys.ts';
import { SavedViews } from '../ui/saved-views.tsx';
import { ColumnMenu } from './column-menu.tsx';
import { parseFilter, writeFilter } from './filter-syntax.ts';

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
      <SavedViews
        page={page}
        label={t('views.title')}
        query={() => new URLSearchParams({ q, sort, columns: columnIds.join(',') })}
        onOpen={(kept) =>
          onSearch({
            q: kept.get('q') || undefined,
            sort: kept.get('sort') ?? 'name',
            columns: kept.get('columns') ?? undefined,
          })
        }
      />
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
