import { Menu } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import {
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  type CSSProperties,
  type KeyboardEvent,
  type MouseEvent,
} from 'react';
import { useTranslation } from 'react-i18next';
import type { Metrics, Vm } from '../api/client.ts';
import { goneVms } from '../live/cache.ts';
import { useReadings } from '../live/live.tsx';
import { useMe } from '../session/session.tsx';
import { ColumnEdge } from './column-width.tsx';
import { columnsOf } from './columns.tsx';
import { ForceDialog, type ForcedAction } from './force-dialog.tsx';
import { MachineRow } from './machine-row.tsx';
import { MachineMenu } from './machine-menu.tsx';
import { sparklinePoints } from './sparkline.tsx';
import { useHosts } from './use-obstacle.ts';
import { useWidths } from './use-widths.ts';

/** In pixels, by density. */
const rowHeights = { comfortable: 40, compact: 28 } as const;
/** Between columns, in pixels, as in page.css. */
const gap = 12;

interface Props {
  readonly vms: readonly Vm[];
  readonly columnIds: readonly string[];
  readonly sort: string;
  readonly selection: ReadonlySet<string>;
  onSort(sort: string): void;
  onSelect(selection: ReadonlySet<string>): void;
  onOpen(vm: Vm): void;
  /** The end of what has been fetched is near. */
  onNearEnd(): void;
  onKey(key: string, vm: Vm): void;
}

/** Plain elements in memoised rows, and one menu for all of them: what is in the rows decides how smoothly they scroll. */
export function MachineTable(props: Props) {
  const { vms, columnIds, sort, selection, onSort, onSelect, onOpen, onNearEnd, onKey } = props;
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState(0);
  const [menu, setMenu] = useState<{ vm: Vm; x: number; y: number }>();
  const [forced, setForced] = useState<{ vm: Vm; action: ForcedAction }>();
  const anchor = useRef<number>(undefined);
  const hosts = useHosts();
  const columns = useMemo(() => columnsOf(columnIds), [columnIds]);
  const { widths, set, keep } = useWidths();
  const template = `28px ${columns.map(({ id, width }) => (widths[id] === undefined ? width : `${widths[id]}px`)).join(' ')} 32px`;
  // As wide as its columns at the least; then it is scrolled.
  const least = columns.reduce(
    (sum, { id, width }) => sum + gap + (widths[id] ?? Number(/\d+/.exec(width))),
    28 + 32 + 3 * gap,
  );
  const rowHeight = rowHeights[useMe().preferences.density ?? 'comfortable'];
  const virtual = useVirtualizer({
    count: vms.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  // It measures once.
  useEffect(() => virtual.measure(), [virtual, rowHeight]);
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (vms.length > 0 && last > vms.length - 60) onNearEnd();
  }, [last, vms.length, onNearEnd]);

  const readings = useSparklines(shown.flatMap(({ index }) => vms[index]?.id ?? []));

  const toggle = useCallback(
    (index: number, range: boolean) => {
      const next = new Set(selection);
      const from = range && anchor.current !== undefined ? anchor.current : index;
      const select = range || !selection.has(vms[index]!.id);
      for (let at = Math.min(from, index); at <= Math.max(from, index); at++) {
        if (select) next.add(vms[at]!.id);
        else next.delete(vms[at]!.id);
      }
      anchor.current = index;
      onSelect(next);
    },
    [vms, selection, onSelect],
  );
  const move = (to: number) => {
    const index = Math.max(0, Math.min(vms.length - 1, to));
    setCurrent(index);
    virtual.scrollToIndex(index);
  };
  const press = (event: KeyboardEvent) => {
    const vm = vms[current];
    if (!vm || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys: Record<string, () => void> = {
      ArrowDown: () => move(current + 1),
      j: () => move(current + 1),
      ArrowUp: () => move(current - 1),
      k: () => move(current - 1),
      PageDown: () => move(current + 15),
      PageUp: () => move(current - 15),
      Home: () => move(0),
      End: () => move(vms.length - 1),
      x: () => toggle(current, event.shiftKey),
      X: () => toggle(current, true),
      Enter: () => onOpen(vm),
      s: () => onKey('s', vm),
      t: () => onKey('t', vm),
      Delete: () => onKey('Delete', vm),
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };
  const openMenu = useCallback((vm: Vm, event: MouseEvent) => {
    const { left, bottom } = event.currentTarget.getBoundingClientRect();
    setMenu({ vm, x: left, y: bottom });
  }, []);
  const clickRow = useCallback((index: number) => setCurrent(index), []);

  return (
    <>
      <div
        ref={box}
        className="machine-table"
        role="grid"
        tabIndex={0}
        style={{ '--table-width': `${least}px`, '--row-height': `${rowHeight}px` } as CSSProperties}
        aria-label={t('nav.machines')}
        aria-rowcount={vms.length + 1}
        aria-activedescendant={vms[current] && `row-${vms[current].id}`}
        onKeyDown={press}
      >
        <div className="machine-head" role="row" aria-rowindex={1} style={{ gridTemplateColumns: template }}>
          <span role="columnheader">
            <input
              type="checkbox"
              aria-label={t('machines.selectShown')}
              checked={vms.every(({ id }) => selection.has(id))}
              onChange={({ currentTarget }) => onSelect(new Set(currentTarget.checked ? vms.map(({ id }) => id) : []))}
            />
          </span>
          {columns.map(({ id, sort: key }) => (
            <span
              key={id}
              role="columnheader"
              {...(key !== undefined && {
                'aria-sort': sort === key ? 'ascending' : sort === `-${key}` ? 'descending' : 'none',
              })}
            >
              {key === undefined ? (
                t(`column.${id}`)
              ) : (
                <button type="button" onClick={() => onSort(sort === key ? `-${key}` : key)}>
                  {t(`column.${id}`)}
                  {sort === key ? ' ↑' : sort === `-${key}` ? ' ↓' : ''}
                </button>
              )}
              <ColumnEdge name={t(`column.${id}`)} onWidth={(px) => set(id, px)} onEnd={keep} />
            </span>
          ))}
          <span role="columnheader">
            <span className="visually-hidden">{t('machines.actions')}</span>
          </span>
        </div>
        <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {shown.map(({ index, start }) => {
            const vm = vms[index]!;
            return (
              <MachineRow
                key={vm.id}
                vm={vm}
                index={index}
                top={start}
                template={template}
                columns={columns}
                host={hosts.get(vm.host)}
                readings={readings.get(vm.id)}
                current={index === current}
                selected={selection.has(vm.id)}
                gone={goneVms.has(vm.id)}
                onCurrent={clickRow}
                onToggle={toggle}
                onOpen={onOpen}
                onMenu={openMenu}
              />
            );
          })}
        </div>
      </div>
      <Menu opened={menu !== undefined} onClose={() => setMenu(undefined)} position="bottom-end">
        <Menu.Target>
          <button
            type="button"
            className="visually-hidden"
            tabIndex={-1}
            aria-label={t('machines.actions')}
            style={{ position: 'fixed', left: menu?.x ?? 0, top: menu?.y ?? 0 }}
          />
        </Menu.Target>
        <Menu.Dropdown>
          {menu && (
            <MachineMenu
              vm={menu.vm}
              onDelete={() => onKey('Delete', menu.vm)}
              onForce={(action) => setForced({ vm: menu.vm, action })}
            />
          )}
        </Menu.Dropdown>
      </Menu>
      {forced && <ForceDialog {...forced} onClose={() => setForced(undefined)} />}
    </>
  );
}

const none: readonly Metrics[] = [];

/** Readings of the rows on the screen, the last ones of each. */
function useSparklines(ids: readonly string[]): { get(id: string): readonly Metrics[] } {
  const kept = useRef(new Map<string, readonly Metrics[]>());
  const [, renew] = useState(0);
  useReadings(
    ids,
    useCallback((readings) => {
      for (const reading of readings) {
        const known = kept.current.get(reading.vmId) ?? none;
        kept.current.set(reading.vmId, [...known, reading].slice(-sparklinePoints));
      }
      renew((count) => count + 1);
    }, []),
  );
  return { get: (id) => kept.current.get(id) ?? none };
}
