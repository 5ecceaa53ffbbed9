import { memo, type MouseEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Host, Metrics, Vm } from '../api/client.ts';
import type { columnsOf } from './columns.tsx';

interface Props {
  readonly vm: Vm;
  readonly index: number;
  readonly top: number;
  readonly template: string;
  readonly columns: ReturnType<typeof columnsOf>;
  readonly host: Host | undefined;
  readonly readings: readonly Metrics[];
  readonly current: boolean;
  readonly selected: boolean;
  readonly gone: boolean;
  onCurrent(index: number): void;
  onToggle(index: number, range: boolean): void;
  onOpen(vm: Vm): void;
  onMenu(vm: Vm, event: MouseEvent): void;
}

export const MachineRow = memo(function MachineRow(props: Props) {
  const { vm, index, top, template, columns, host, readings, current, selected, gone } = props;
  const { t } = useTranslation();
  return (
    <div
      id={`row-${vm.id}`}
      className="machine-row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-vm={vm.id}
      data-current={current}
      data-selected={selected}
      data-gone={gone}
      style={{ gridTemplateColumns: template, transform: `translateY(${top}px)` }}
      onClick={() => {
        props.onCurrent(index);
        props.onOpen(vm);
      }}
    >
      <span role="gridcell">
        <input
          type="checkbox"
          checked={selected}
          tabIndex={-1}
          aria-label={t('machines.select', { name: vm.name })}
          onClick={(event) => {
            event.stopPropagation();
            props.onToggle(index, event.shiftKey);
          }}
          onChange={() => undefined}
        />
      </span>
      {columns.map(({ id, cell }) => (
        <span key={id} role="gridcell" data-column={id}>
          {cell(vm, { host, readings, copyLabel: t('machines.copyAddress') })}
        </span>
      ))}
      <span role="gridcell">
        <button
          type="button"
          tabIndex={-1}
          aria-label={t('machines.menu', { name: vm.name })}
          onClick={(event) => {
            event.stopPropagation();
            props.onMenu(vm, event);
          }}
        >
          ⋯
        </button>
      </span>
    </div>
  );
});
