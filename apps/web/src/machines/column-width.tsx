import { useRef, type KeyboardEvent, type PointerEvent } from 'react';
import { useTranslation } from 'react-i18next';

const narrowestPx = 48;
const widestPx = 800;
const stepPx = 16;

interface Props {
  /** Of the column, for those who do not see it. */
  readonly name: string;
  onWidth(px: number): void;
  /** Nobody drags it any more. */
  onEnd(): void;
}

/** The right edge of a column: dragged, or moved with the arrow keys. */
export function ColumnEdge({ name, onWidth, onEnd }: Props) {
  const { t } = useTranslation();
  const drag = useRef<{ x: number; width: number }>(undefined);
  const widthOf = (edge: Element) => Math.round(edge.parentElement!.getBoundingClientRect().width);
  const set = (px: number) => onWidth(Math.max(narrowestPx, Math.min(widestPx, Math.round(px))));
  const begin = (event: PointerEvent) => {
    event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    drag.current = { x: event.clientX, width: widthOf(event.currentTarget) };
  };
  const move = (event: PointerEvent) => {
    if (drag.current) set(drag.current.width + event.clientX - drag.current.x);
  };
  const end = () => {
    if (drag.current) onEnd();
    drag.current = undefined;
  };
  const press = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -stepPx, ArrowRight: stepPx }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    set(widthOf(event.currentTarget) + by);
    onEnd();
  };
  return (
    <button
      type="button"
      className="column-edge"
      aria-label={t('machines.widthOf', { column: name })}
      title={t('machines.widthHint')}
      onPointerDown={begin}
      onPointerMove={move}
      onPointerUp={end}
      onPointerCancel={end}
      onKeyDown={press}
    />
  );
}
