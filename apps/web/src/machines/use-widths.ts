import { useRef, useState } from 'react';
import { useMe } from '../session/session.tsx';
import { useSavePreferences } from '../settings/preferences.ts';
import { columnIds, type ColumnId } from './columns.tsx';

/** Beside the columns themselves, each as `name=240`. */
const key = 'machines.widths';
type Widths = Readonly<Partial<Record<ColumnId, number>>>;

function read(kept: readonly string[]): Widths {
  const pairs = kept.map((entry) => entry.split('=')).filter(([id]) => (columnIds as readonly string[]).includes(id!));
  return Object.fromEntries(pairs.map(([id, px]) => [id, Number(px)]).filter(([, px]) => Number.isFinite(px)));
}

/** How wide the columns are that somebody has set, in pixels; kept with what they prefer, for every browser. */
export function useWidths(): { widths: Widths; set(id: ColumnId, px: number): void; keep(): void } {
  const { preferences } = useMe();
  const save = useSavePreferences();
  const [widths, setWidths] = useState(() => read(preferences.columns?.[key] ?? []));
  const latest = useRef(widths);
  return {
    widths,
    set: (id, px) => {
      latest.current = { ...latest.current, [id]: px };
      setWidths(latest.current);
    },
    keep: () => {
      const kept = Object.entries(latest.current).map(([id, px]) => `${id}=${px}`);
      save.mutate({ columns: { ...preferences.columns, [key]: kept } });
    },
  };
}
