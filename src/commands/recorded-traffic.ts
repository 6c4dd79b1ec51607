/** Recorded traffic of a question: the files that are named, or what a live cluster tells. */
import type { ClusterRecord, Notice } from '../ports.ts';
import type { OpenAsked } from './cluster-asked.ts';
import type { Io } from './command.ts';
import { readLog, readMetrics } from './explain-evidence.ts';
import { gather } from './explain-live.ts';
import type { LiveCluster } from './explain-live-open.ts';
import { reporterOfFile } from './explain-subject.ts';
import type { FactBook } from './observed-traffic.ts';

export interface RecordedFiles {
  readonly logs?: readonly string[];
  readonly metrics?: readonly string[];
}

const HOUR = 3_600_000;

/** Counters of Prometheus, or of the proxies themselves, and the logs of the last hour. `namespace` null: of every one. Says what could not be read. */
export async function gatherTraffic(
  live: LiveCluster,
  { changes }: ClusterRecord,
  namespace: string | null,
  { tally }: FactBook,
  io: Io,
): Promise<readonly Notice[]> {
  const resources = changes.map(({ resource }) => resource);
  const prometheus = await live.openPrometheus(resources);
  const { sources } = await gather({ ...live, prometheus }, resources, { namespace, workload: null, since: HOUR, now: io.now }, tally);
  return sources.flatMap(({ what, isRead, detail, remedy }) =>
    isRead ? [] : [{ where: what, message: remedy === '' ? detail : `${detail} ${remedy}` }],
  );
}

/** Errors: InvalidInput. */
export async function readTraffic(
  { logs = [], metrics = [] }: RecordedFiles,
  opened: OpenAsked,
  { tally }: FactBook,
): Promise<readonly Notice[]> {
  const { cluster, namespace, inputs } = opened;
  const nobody = { cluster: '', namespace, pod: null, workload: null };
  const subject = { question: { namespace, workload: null, port: null }, reporter: nobody };
  const inputOf = (path: string) => ({ path, reporter: reporterOfFile(path, subject, cluster) });
  for (const path of logs) await readLog(inputOf(path), inputs, tally);
  return readMetrics(metrics.map(inputOf), inputs, tally);
}
