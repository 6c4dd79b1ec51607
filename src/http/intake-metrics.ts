/** Counters that are pushed: a proxy's page, or an answer of Prometheus' API. What a target showed last is kept, so that increases are counted once. */
import * as z from 'zod';
import { LABEL } from '../evidence/conventions.ts';
import type { Fact, Reporter } from '../evidence/facts.ts';
import { createMetricsInput } from '../evidence/metrics.ts';
import type { ScrapeTarget } from '../evidence/metrics-json.ts';
import { createMetricsReader, type MetricsReader } from '../evidence/metrics-reader.ts';
import type { Sample } from '../evidence/metrics-sample.ts';
import { foldReadings } from '../triage/readings.ts';
import type { WorkingSet } from '../triage/working-set.ts';
import { readBody } from './body.ts';
import { accept, batchKey, IDEMPOTENCY_HEADER } from './intake-batch.ts';
import { type Call, type Operation, operation, type Reply } from './operation.ts';
import type { Shared } from './options.ts';
import { Problem } from './problem.ts';
import { REPORTER_HEADERS, reporterOf } from './reporter.ts';
import * as shapes from './schemas.ts';

const CONTENT = ['text/plain', 'application/openmetrics-text', 'application/json'];
const MOST_SAMPLES = 100_000;

export function metricsOperation(shared: Shared): Operation {
  return operation({
    id: 'receiveMetrics',
    method: 'post',
    path: '/api/v1/metrics',
    summary: "A proxy's /metrics page, or an answer of Prometheus' query or targets API",
    scope: 'intake',
    headers: { ...REPORTER_HEADERS, ...IDEMPOTENCY_HEADER },
    query: z.strictObject({}),
    content: CONTENT,
    answers: { 200: { description: 'On disk', schema: shapes.metricsAnswer } },
    handle: (call) => receive(shared, call),
  });
}

async function receive(shared: Shared, { request, response, sender }: Call): Promise<Reply> {
  const reporter = reporterOf(request);
  const { samples, targets, notices } = await read(readBody(request, response, shared.limits), reporter, shared);
  refuseUnplaced(samples, reporter);
  const at = shared.now();
  const facts = factsOfTargets(targets, reporter);
  const own = reporter.cluster === '' ? { ...reporter, cluster: shared.context.cluster } : reporter;
  const also = async (set: WorkingSet): Promise<readonly Fact[]> => foldReadings(set, { name: 'pushed', reporter: own, at, samples });
  const batch = { id: batchKey(request, sender, 'metrics'), facts, alerts: [], also };
  const isEmpty = samples.length + facts.length === 0;
  const result = isEmpty ? 'nothing' : await accept(shared, 'metrics', batch);
  shared.metrics.samples.inc(samples.length);
  return { status: 200, body: { result, samples: samples.length, notices } };
}

interface Read {
  readonly samples: readonly Sample[];
  readonly targets: readonly ScrapeTarget[];
  readonly notices: readonly string[];
}

/** An answer of Prometheus is held whole, a page is not; both are charged, since nobody knows before. */
async function read(chunks: AsyncIterable<Uint8Array>, reporter: Reporter, { budget }: Shared): Promise<Read> {
  const samples: Sample[] = [];
  const targets: ScrapeTarget[] = [];
  const input = createMetricsInput(createCollector(samples, targets), { name: 'this body', reporter, at: null });
  const decoder = new TextDecoder();
  let held = 0;
  try {
    for await (const chunk of chunks) {
      budget.take(chunk.byteLength);
      held += chunk.byteLength;
      input.push(decoder.decode(chunk, { stream: true }));
    }
    return { samples, targets, notices: input.end() };
  } finally {
    budget.give(held);
  }
}

/** Takes the samples as they are: they become facts where their targets' last readings are known. */
function createCollector(samples: Sample[], targets: ScrapeTarget[]): MetricsReader {
  return {
    begin() {},
    add(sample) {
      if (samples.length >= MOST_SAMPLES)
        throw new Problem(413, `This body holds more than ${MOST_SAMPLES} samples.`, 'Ask Prometheus for fewer series at a time.');
      samples.push(sample);
    },
    addTarget: (target) => void targets.push(target),
    take: () => [],
    stats: { samples: 0, overLimit: 0, outOfOrder: 0, notACount: 0 },
  };
}

function factsOfTargets(targets: readonly ScrapeTarget[], reporter: Reporter): readonly Fact[] {
  const reader = createMetricsReader();
  reader.begin({ name: 'pushed', reporter, at: null });
  for (const target of targets) reader.addTarget(target);
  return reader.take();
}

/** Without a pod nobody can tell one proxy's page from another's. */
function refuseUnplaced(samples: readonly Sample[], { namespace, pod }: Reporter): void {
  if (namespace !== null && pod !== null) return;
  const lost = samples.some(({ labels }) => !labels.has(LABEL.pod) && !labels.has(LABEL.instance));
  if (lost)
    throw new Problem(
      400,
      'Nobody knows whose page this is: its samples carry neither pod nor instance.',
      'Send X-Denywhy-Namespace and X-Denywhy-Pod.',
    );
}
