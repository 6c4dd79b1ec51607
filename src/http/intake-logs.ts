/** Logs of proxies: lines or JSON, plain or packed, from kubectl, Fluent Bit, Vector or anything else that posts. Read as a stream into facts. */
import { createHash, type Hash } from 'node:crypto';
import * as z from 'zod';
import type { Fact, Reporter } from '../evidence/facts.ts';
import { createLogParser, type LogParser } from '../evidence/log.ts';
import { type Compactor, createCompactor } from '../triage/compact.ts';
import type { DeltaContext } from '../triage/delta.ts';
import { hashId } from '../triage/incident.ts';
import { readBody } from './body.ts';
import { accept, batchKey, IDEMPOTENCY_HEADER } from './intake-batch.ts';
import { createRecordSplitter } from './json-records.ts';
import { type Call, type Operation, operation, type Reply } from './operation.ts';
import type { Shared } from './options.ts';
import { Problem } from './problem.ts';
import { REPORTER_HEADERS, reporterOf } from './reporter.ts';
import * as shapes from './schemas.ts';

const CONTENT = [
  'application/x-ndjson',
  'application/json',
  'text/plain',
  'application/jsonl',
  'application/x-jsonlines',
  'application/stream+json',
  'application/json-seq',
];

export function logsOperation(shared: Shared): Operation {
  return operation({
    id: 'receiveLogs',
    method: 'post',
    path: '/api/v1/logs',
    summary: 'Log lines of proxies: NDJSON, a JSON array, or plain lines; gzip where Content-Encoding says so',
    scope: 'intake',
    headers: { ...REPORTER_HEADERS, ...IDEMPOTENCY_HEADER },
    query: z.strictObject({}),
    content: CONTENT,
    answers: { 200: { description: 'On disk', schema: shapes.logsAnswer } },
    handle: (call) => receive(shared, call),
  });
}

interface Read {
  readonly compactor: Compactor;
  readonly stats: LogParser['stats'];
  /** Facts that name neither namespace nor pod. */
  readonly unplaced: number;
}

async function receive(shared: Shared, { request, response, sender }: Call): Promise<Reply> {
  const reporter = reporterOf(request);
  const hash = createHash('sha256').update(JSON.stringify(reporter));
  const { compactor, stats, unplaced } = await read(readBody(request, response, shared.limits), hash, reporter, shared);
  countLines(shared, stats);
  if (compactor.count === 0 && unplaced > 0)
    throw new Problem(
      400,
      `Nobody knows whose log this is: ${unplaced} denials or other facts in it name neither namespace nor pod.`,
      'Send X-Denywhy-Namespace and X-Denywhy-Pod (or X-Denywhy-Workload), or let the collector add kubernetes.namespace_name and pod_name.',
    );
  const id = batchKey(request, sender, 'logs') ?? hashId('b', ['logs', sender.key, 'sha256', hash.digest('hex')]);
  const facts = compactor.all();
  const result = facts.length === 0 ? 'nothing' : await accept(shared, 'logs', { id, facts, alerts: [] });
  for (const fact of facts) shared.metrics.facts.inc({ type: fact.type }, fact.count);
  const { lines, parsed, irrelevant, unparsed, samples } = stats;
  return { status: 200, body: { result, lines, parsed, irrelevant, unparsed, facts: compactor.count, unplaced, samples } };
}

async function read(
  chunks: AsyncIterable<Uint8Array>,
  hash: Hash,
  reporter: Partial<Reporter>,
  { limits, context }: Shared,
): Promise<Read> {
  const parser = createLogParser({ name: 'pushed', reporter });
  const splitter = createRecordSplitter();
  const compactor = createCompactor(limits.facts);
  let unplaced = 0;
  const add = (facts: readonly Fact[]) => {
    for (const fact of facts) {
      if (!isPlaced(fact, context)) unplaced++;
      else if (!compactor.add(fact))
        throw new Problem(
          413,
          `This body holds more than ${limits.facts} different facts.`,
          'Send it in smaller parts, or raise limits.facts.',
        );
    }
  };
  for await (const chunk of chunks) {
    hash.update(chunk);
    for (const lines of splitter.push(chunk)) add(parser.push(lines));
  }
  for (const lines of splitter.flush()) add(parser.push(lines));
  add(parser.flush());
  return { compactor, stats: parser.stats, unplaced };
}

/** A pod's name alone is enough where the cluster has one pod of that name. */
function isPlaced({ reporter }: Fact, context: DeltaContext): boolean {
  const { namespace, pod, workload } = reporter;
  if (namespace !== null) return pod !== null || workload !== null;
  return pod !== null && context.namespace(pod) !== null;
}

function countLines({ metrics }: Shared, { parsed, irrelevant, unparsed }: LogParser['stats']): void {
  metrics.logLines.inc({ result: 'parsed' }, parsed);
  metrics.logLines.inc({ result: 'irrelevant' }, irrelevant);
  metrics.logLines.inc({ result: 'unparsed' }, unparsed);
}
