/** A dump holds one series after another; what happened is read in the order of time. */
import type { Instant } from '../policy/resource.ts';
import { ownCopy } from './log-text.ts';
import type { Sample } from './metrics-sample.ts';

/** All samples of one moment: one or several whole scrapes, since a scrape gives its samples one time. */
export interface Scrapes {
  readonly at: Instant;
  readonly samples: readonly Sample[];
}

export interface SampleOrder {
  /** `no-time`: it says not when; `over-limit`: there is no room for it. */
  add(sample: Sample): 'kept' | 'no-time' | 'over-limit';
  /** How many were kept. */
  readonly size: number;
  /** By time; samples of one moment in the order in which they were added. */
  inOrder(): Generator<Scrapes>;
}

/** Memory: 24 bytes per sample, and each series once. `maxSamples` bounds both. */
export function createSampleOrder(maxSamples: number): SampleOrder {
  const series: { readonly metric: string; readonly labels: ReadonlyMap<string, string> }[] = [];
  const numbers = new Map<string, number>();
  const times: Instant[] = [];
  const values: number[] = [];
  const seriesOf: number[] = [];

  const numberOf = ({ metric, labels }: Sample): number => {
    const key = ownCopy(JSON.stringify([metric, ...labels]));
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const [ownMetric, ...ownLabels] = JSON.parse(key) as [string, ...[string, string][]];
    series.push({ metric: ownMetric, labels: new Map(ownLabels) });
    numbers.set(key, series.length - 1);
    return series.length - 1;
  };

  return {
    get size() {
      return times.length;
    },
    add(sample) {
      if (sample.at === null) return 'no-time';
      if (times.length >= maxSamples) return 'over-limit';
      times.push(sample.at);
      values.push(sample.value);
      seriesOf.push(numberOf(sample));
      return 'kept';
    },
    *inOrder() {
      const order = Uint32Array.from(times.keys()).sort((a, b) => (times[a] as number) - (times[b] as number) || a - b);
      let at: Instant | null = null;
      let samples: Sample[] = [];
      for (const i of order) {
        const time = times[i] as number;
        if (at !== null && time !== at) {
          yield { at, samples };
          samples = [];
        }
        at = time;
        const { metric, labels } = series[seriesOf[i] as number] as (typeof series)[number];
        samples.push({ metric, labels, value: values[i] as number, at: time });
      }
      if (at !== null) yield { at, samples };
    },
  };
}
