import { ActionIcon, Checkbox, Group, Popover, SegmentedControl, Stack, Text, Tooltip } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconColumns } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Preferences } from '../api/client.ts';
import { useMe } from '../session/session.tsx';
import { useSavePreferences } from '../settings/preferences.ts';
import { columnIds as allColumns, defaultColumns } from './columns.tsx';

const page = 'machines';
const densities = ['comfortable', 'compact'] as const satisfies readonly Preferences['density'][];
type Density = (typeof densities)[number];

interface Props {
  readonly columnIds: readonly string[];
  onChange(columnIds: readonly string[]): void;
}

/** Which columns there are, in which order, and how close their rows stand. */
export function ColumnMenu({ columnIds, onChange }: Props) {
  const { t } = useTranslation();
  const save = useSavePreferences();
  const { preferences } = useMe();
  const [isOpen, setOpen] = useState(false);
  const keep = (next: readonly string[]) => {
    const kept = next.length === 0 ? [...defaultColumns] : [...next];
    onChange(kept);
    save.mutate({ columns: { ...preferences.columns, [page]: kept } });
  };
  const move = (id: string, by: number) => {
    const next = columnIds.filter((other) => other !== id);
    next.splice(columnIds.indexOf(id) + by, 0, id);
    keep(next);
  };
  const shown = columnIds.flatMap((id) => allColumns.find((known) => known === id) ?? []);
  const left = allColumns.filter((id) => !shown.includes(id));
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" trapFocus>
      <Popover.Target>
        <Tooltip label={t('machines.columns')}>
          <ActionIcon variant="default" size={36} aria-label={t('machines.columns')} onClick={() => setOpen(!isOpen)}>
            <IconColumns size={18} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown aria-label={t('machines.columns')}>
        <Stack gap={4}>
          {[...shown, ...left].map((id) => {
            const name = t(`column.${id}`);
            const index = shown.indexOf(id);
            return (
              <Group key={id} justify="space-between" wrap="nowrap" data-column-choice={id}>
                <Checkbox
                  size="xs"
                  label={name}
                  checked={index >= 0}
                  onChange={() => keep(index >= 0 ? columnIds.filter((other) => other !== id) : [...columnIds, id])}
                />
                {index >= 0 && (
                  <Group gap={2} wrap="nowrap">
                    {([-1, 1] as const).map((by) => {
                      const isEdge = index + by < 0 || index + by >= shown.length;
                      const Icon = by < 0 ? IconArrowUp : IconArrowDown;
                      return (
                        <ActionIcon
                          key={by}
                          variant="subtle"
                          size="sm"
                          aria-label={t(by < 0 ? 'machines.columnEarlier' : 'machines.columnLater', { column: name })}
                          {...(isEdge && { 'data-disabled': true, 'aria-disabled': true })}
                          onClick={() => !isEdge && move(id, by)}
                        >
                          <Icon size={14} />
                        </ActionIcon>
                      );
                    })}
                  </Group>
                )}
              </Group>
            );
          })}
          <Text size="sm" fw={600} id="density">
            {t('machines.density')}
          </Text>
          <SegmentedControl
            size="xs"
            aria-labelledby="density"
            data={densities.map((value) => ({ value, label: t(`density.${value}`) }))}
            value={preferences.density ?? 'comfortable'}
            onChange={(density) => save.mutate({ density: density as Density })}
          />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
