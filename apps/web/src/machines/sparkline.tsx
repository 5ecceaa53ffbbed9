import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Metrics } from '../api/client.ts';
import { formatPercent } from '../i18n/format.ts';

const width = 80;
const height = 22;
export const sparklinePoints = 60;

/** The last minutes of a percentage. A reading that is not known leaves a gap. */
export const Sparkline = memo(function Sparkline({
  readings,
  of,
}: {
  readings: readonly Metrics[];
  of: 'cpuPercent' | 'memoryPercent';
}) {
  const { t } = useTranslation();
  const last = readings.at(-1)?.[of];
  if (readings.length === 0) return null;
  let path = '';
  let pen = 'M';
  for (const [index, reading] of readings.entries()) {
    const value = reading[of];
    if (value === undefined) {
      pen = 'M';
      continue;
    }
    const x = width - ((readings.length - 1 - index) * width) / sparklinePoints;
    path += `${pen}${x.toFixed(1)} ${(height - 1 - (Math.min(100, value) / 100) * (height - 2)).toFixed(1)}`;
    pen = 'L';
  }
  return (
    <svg
      className="spark"
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={t(`metrics.${of}`) + ' ' + formatPercent(last)}
    >
      <path d={path} />
    </svg>
  );
});
