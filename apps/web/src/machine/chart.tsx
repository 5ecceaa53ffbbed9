import 'uplot/dist/uPlot.min.css';
import { useElementSize, useMergedRef } from '@mantine/hooks';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import uPlot from 'uplot';
import { currentLanguage } from '../i18n/index.ts';

const height = 160;
const strokes = ['#4263eb', '#e8590c'];

interface Props {
  readonly title: string;
  readonly names: readonly string[];
  /** Seconds since the epoch, then the values of each series. */
  readonly data: readonly (readonly (number | null)[])[];
  readonly format: (value: number | undefined) => string;
  readonly top?: number | undefined;
  /** Charts with the same key share their crosshair. */
  readonly sync: string;
}

/** A chart whose gaps stay gaps. */
export function Chart({ title, names, data, format, top, sync }: Props) {
  const timeLabel = useTranslation().t('metrics.time');
  const { ref, width } = useElementSize();
  const box = useRef<HTMLDivElement>(null);
  const boxes = useMergedRef(ref, box);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef(data);
  latest.current = data;
  const key = names.join('|');
  useEffect(() => {
    if (width === 0) return;
    const style = getComputedStyle(document.documentElement);
    const stroke = style.getPropertyValue('--mantine-color-text') || '#888';
    const grid = { stroke: 'rgba(128, 128, 128, 0.2)' };
    const clock = new Intl.DateTimeFormat(currentLanguage(), { dateStyle: 'short', timeStyle: 'medium' });
    const tick = new Intl.DateTimeFormat(currentLanguage(), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    plot.current = new uPlot(
      {
        title,
        width,
        height,
        cursor: { sync: { key: sync } },
        scales: { y: { range: (_, __, max) => [0, top ?? Math.max(1, max * 1.1)] } },
        axes: [
          { stroke, grid, space: 90, values: (_, times) => times.map((time) => tick.format(time * 1_000)) },
          { stroke, grid, size: 80, values: (_, values) => values.map((value) => format(value)) },
        ],
        series: [
          { label: timeLabel, value: (_, time) => (time === null ? '–' : clock.format(time * 1_000)) },
          ...key.split('|').map((label, index) => ({
            label,
            stroke: strokes[index]!,
            width: 1.5,
            spanGaps: false,
            value: (_: uPlot, value: number | null) => format(value ?? undefined),
          })),
        ],
      },
      latest.current as uPlot.AlignedData,
      box.current!,
    );
    return () => plot.current?.destroy();
  }, [width, title, key, format, top, sync, timeLabel]);
  useEffect(() => plot.current?.setData(data as uPlot.AlignedData), [data]);
  return <div ref={boxes} className="chart" role="img" aria-label={title} style={{ minHeight: height }} />;
}
