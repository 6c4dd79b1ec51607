/** Denials over time in a row of the list: every row on one axis. */
import './spark.css';
import { type ReactNode, useMemo } from 'react';
import type { Shapes } from './api-types.ts';
import { utc } from './time.ts';

type Incident = Shapes['Incident'];

/** Milliseconds since the epoch. */
export interface Axis {
  readonly from: number;
  readonly step: number;
}

const BARS = 40;
const HEIGHT = 28;
/** What goes on for days leaves no room for what happens now. */
const LONGEST = 24 * 3_600_000;

/** The same one as long as its ends are the same: rows are made again when it is another. */
export function useAxis(shown: readonly Incident[]): Axis | null {
  const { from = null, step = 0 } = useMemo(() => axisOf(shown), [shown]) ?? {};
  return useMemo(() => (from === null ? null : { from, step }), [from, step]);
}

/** From the first denial of those shown to the last one, and not longer than a day; null: of none is known when it was. */
function axisOf(shown: readonly Incident[]): Axis | null {
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { series } of shown) {
    if (series == null) continue;
    const start = Date.parse(series.from);
    from = Math.min(from, start);
    to = Math.max(to, start + series.step * 1000 * series.denied.length);
  }
  if (to <= from) return null;
  const begin = Math.max(from, to - LONGEST);
  const step = Math.max(5000, (to - begin) / BARS);
  // At the right end, also of a span that is shorter than the bars reach.
  return { from: to - step * BARS, step };
}

interface SparkProps {
  readonly incident: Incident;
  readonly axis: Axis;
}

export function Spark({ incident, axis }: SparkProps): ReactNode {
  const bars = barsOf(incident, axis);
  const most = Math.max(...bars, 1);
  const seen = bars.reduce((sum, count) => sum + count, 0);
  const said = seen === 0 ? 'none' : Math.round(seen).toLocaleString('en-US');
  const since = utc(new Date(axis.from).toISOString(), Date.now());
  return (
    <svg
      className={`spark ${incident.state === 'resolved' ? 'resolved' : (incident.wayOut?.verdict ?? 'open')}`}
      viewBox={`0 0 ${BARS} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${said} since ${since}`}
    >
      <line x1={0} x2={BARS} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
      {bars.map((count, i) => {
        const height = count === 0 ? 0 : Math.max(2, (count / most) * (HEIGHT - 2));
        // biome-ignore lint/suspicious/noArrayIndexKey: bars have no identity but their place
        return count === 0 ? null : <rect key={i} x={i + 0.1} y={HEIGHT - 1 - height} width={0.8} height={height} />;
      })}
    </svg>
  );
}

/** Of a bucket that is wider than a bar, each bar gets its share. */
function barsOf({ series }: Incident, { from, step }: Axis): readonly number[] {
  const bars = new Array<number>(BARS).fill(0);
  if (series == null) return bars;
  const width = series.step * 1000;
  for (const [i, count] of series.denied.entries()) {
    const begin = (Date.parse(series.from) + i * width - from) / step;
    const end = begin + width / step;
    for (let bar = Math.max(0, Math.floor(begin)); bar < Math.min(BARS, Math.ceil(end)); bar++) {
      const share = Math.max(0, Math.min(end, bar + 1) - Math.max(begin, bar));
      bars[bar] = (bars[bar] ?? 0) + (count * share) / (end - begin);
    }
  }
  return bars;
}
