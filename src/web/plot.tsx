/** The canvas of a chart. uPlot sets its styles by script, which the page's policy allows. */
import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { type ReactNode, useEffect, useRef } from 'react';
import uPlot from 'uplot';

export interface Bars {
  readonly counts: readonly number[];
  /** Of a custom property of the page's colours: `--bad`. */
  readonly colour: string;
}

export interface Moment {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly text: string;
}

interface PlotProps {
  /** Seconds since the epoch, where each bucket begins. */
  readonly times: readonly number[];
  readonly step: number;
  /** One upon the other, the first at the bottom. */
  readonly denied: readonly Bars[];
  /** As a line; null: not known. */
  readonly allowed: readonly number[] | null;
  readonly moments: readonly Moment[];
  readonly label: string;
}

const HEIGHT = 130;
/** Of one text above the bars. */
const LINE = 15;
const heightOf = ({ moments }: Pick<PlotProps, 'moments'>) => HEIGHT + LINE * Math.max(1, moments.length);
const FONT = '11px "Inter Variable", system-ui, sans-serif';

export function Plot(props: PlotProps): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');
  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are those of the scheme
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const plot = new uPlot(optionsOf(props, element.clientWidth), dataOf(props), element);
    const resized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: heightOf(props) }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
  }, [props, scheme]);
  return <div ref={place} className="plot" role="img" aria-label={props.label} />;
}

/** What stands on another one is drawn before it, as high as both. */
function dataOf({ times, step, denied, allowed }: PlotProps): uPlot.AlignedData {
  const x = [...times, (times.at(-1) ?? 0) + step];
  const sums = denied.map((_, i) => x.map((__, at) => denied.slice(0, i + 1).reduce((sum, { counts }) => sum + (counts[at] ?? 0), 0)));
  const line = allowed === null ? [] : [x.map((_, at) => allowed[at] ?? allowed.at(-1) ?? 0)];
  return [x, ...sums.toReversed(), ...line];
}

function optionsOf({ denied, allowed, moments, step }: PlotProps, width: number): uPlot.Options {
  const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const bars = uPlot.paths.bars?.({ size: [0.9, 60], align: 1 });
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const axis = { stroke: colour('--text-3'), font: FONT, grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: heightOf({ moments }),
    padding: [4 + LINE * Math.max(1, moments.length), 18, 0, 0],
    cursor: { show: false },
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, most ?? 1)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 24, incrs: [...TIMES], values: (_, splits) => splits.map((at) => clock(at, step)) },
      { ...axis, size: 42, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000, 1_000_000] },
    ],
    series: [
      {},
      ...denied
        .toReversed()
        .map((one): uPlot.Series => ({ fill: colour(one.colour), width: 0, points: { show: false }, ...(bars && { paths: bars }) })),
      ...(allowed === null
        ? []
        : [{ stroke: colour('--ok'), width: 2, points: { show: false }, ...(stepped && { paths: stepped }) } satisfies uPlot.Series]),
    ],
    hooks: { draw: [(plot) => drawMoments(plot, moments, colour('--text'))] },
  };
}

/** Seconds between two times below the chart. */
const TIMES: readonly number[] = [
  5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000,
];

function clock(seconds: number, step: number): string {
  const text = new Date(seconds * 1000).toISOString();
  return step >= 6 * 3600 ? text.slice(5, 10) : text.slice(11, step < 15 ? 19 : 16);
}

/** Where there is no room, the text begins with its time. */
const CLOCK = '09:23:07'.length;

function drawMoments(plot: uPlot, moments: readonly Moment[], colour: string): void {
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = 2 * ratio;
  ctx.font = FONT.replace('11px', `600 ${11 * ratio}px`);
  ctx.textBaseline = 'bottom';
  const end = bbox.left + bbox.width;
  for (const [i, { at, text }] of moments.entries()) {
    const x = plot.valToPos(at / 1000, 'x', true);
    if (x < bbox.left || x > end) continue;
    const y = bbox.top - LINE * (moments.length - 1 - i) * ratio;
    ctx.beginPath();
    ctx.moveTo(x, y - 6 * ratio);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.arc(x, y - 7 * ratio, 3 * ratio, 0, 2 * Math.PI);
    ctx.fill();
    const room = Math.max(end - x, x) - 8 * ratio;
    const said = ctx.measureText(text).width > room ? text.slice(0, CLOCK) : text;
    const isRight = x + 8 * ratio + ctx.measureText(said).width > end;
    ctx.textAlign = isRight ? 'right' : 'left';
    ctx.fillText(said, x + (isRight ? -8 : 8) * ratio, y - ratio);
  }
  ctx.restore();
}
