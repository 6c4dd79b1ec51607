/** What Prometheus counted in a stretch of time, as facts: one question, not a poll. */
import { equals } from '../alerting/promql.ts';
import { LABEL } from '../evidence/conventions.ts';
import type { Fact } from '../evidence/facts.ts';
import { createMetricsReader } from '../evidence/metrics-reader.ts';
import type { Prometheus } from '../ports.ts';
import { jobsOf, jobsQuery, queriesOf, type Slice, sliceOf } from './prometheus-queries.ts';
import type { PodSelection } from './proxy-pods.ts';

export interface CountersRead {
  readonly facts: readonly Fact[];
  readonly samples: number;
  /** What may be missing in the answer, in Prometheus' words. */
  readonly warnings: readonly string[];
}

const MOST_SERIES = 100_000;

/** The last `seconds` before its own now. Errors: Unavailable. */
export async function readCounters(prometheus: Prometheus, asked: PodSelection, seconds: number): Promise<CountersRead> {
  const at = await prometheus.now();
  const jobs = jobsOf(await prometheus.numbers(jobsQuery(), at));
  const reader = createMetricsReader({ maxSeries: MOST_SERIES });
  reader.begin({ name: 'Prometheus', reporter: { cluster: '', namespace: null, pod: null, workload: null }, at: null });
  const warnings = new Set<string>();
  let samples = 0;
  for (const query of queriesOf('denied', sliceFor(asked), jobs, seconds)) {
    const answer = await prometheus.query(query, at);
    for (const sample of answer.samples) {
      reader.add(sample);
      samples++;
    }
    for (const warning of answer.warnings) warnings.add(warning);
  }
  return { facts: reader.take().map(ofThisCluster), samples, warnings: [...warnings] };
}

function sliceFor({ namespace, workload }: PodSelection): Slice {
  if (namespace === null) return [];
  if (workload?.kind === 'Pod') return [equals(LABEL.namespace, namespace), equals(LABEL.pod, workload.name)];
  return sliceOf({ namespace, ...(workload === null ? {} : { workload }) }) ?? [];
}

/** One cluster is asked about: a label that names it would keep counters and logs apart. */
function ofThisCluster(fact: Fact): Fact {
  return { ...fact, reporter: { ...fact.reporter, cluster: '' } };
}
