/** What Prometheus counted of one workload, bucket by bucket: for the series of an incident. */
import { createMetricsReader } from '../evidence/metrics-reader.ts';
import type { Sample } from '../evidence/metrics-sample.ts';
import type { HttpOptions } from '../http/options.ts';
import type { Prometheus } from '../ports.ts';
import { jobsOf, jobsQuery, queriesOf, sliceOf } from './prometheus-queries.ts';

const MOST_SERIES = 20_000;
const NOBODY = { cluster: '', namespace: null, pod: null, workload: null };

export function createSeriesCounters(prometheus: Prometheus): NonNullable<HttpOptions['counters']> {
  return async (namespace, workload, { start, step, buckets }) => {
    const end = Math.min(start + step * buckets, await prometheus.now());
    const slice = sliceOf({ namespace, workload });
    if (slice === null || end <= start) return { facts: [], remarks: [] };
    const jobs = jobsOf(await prometheus.numbers(jobsQuery(), end));
    const reader = createMetricsReader({ maxSeries: MOST_SERIES });
    reader.begin({ name: 'Prometheus', reporter: NOBODY, at: null });
    const remarks = new Set<string>();
    const samples: Sample[] = [];
    for (const query of new Set([...queriesOf('denied', slice, jobs, null), ...queriesOf('allowed', slice, jobs, null)])) {
      const answer = await prometheus.queryRange(query, { start, end, step });
      for (const sample of answer.samples) samples.push(sample);
      for (const warning of answer.warnings) remarks.add(`Prometheus warns that its answer may not be whole: ${warning}`);
    }
    // What a counter grew by until a bucket's end was counted within it.
    for (const sample of samples) reader.add({ ...sample, at: sample.at === null ? null : sample.at - 1 });
    return { facts: reader.take(), remarks: [...remarks] };
  };
}
