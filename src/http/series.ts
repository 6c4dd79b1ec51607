/** Denials of one incident over time. */
import { PROXY_CONTAINER } from '../evidence/conventions.ts';
import { showWorkload } from '../evidence/missing.ts';
import { totalOf } from '../evidence/over-time.ts';
import { plainName } from '../evidence/plain-name.ts';
import { isSymptomKind } from '../evidence/symptom-words.ts';
import { parseInstant, showInstant } from '../policy/time.ts';
import { countClients } from '../triage/clients.ts';
import type { Incident } from '../triage/incident.ts';
import { countedFacts, datedClients, type IncidentSeries, keptAllowed, type SeriesWindow, seriesOf, windowFor } from '../triage/series.ts';
import { noIncident, readClients } from './incidents.ts';
import { type Operation, operation } from './operation.ts';
import type { CountersRead, Shared } from './options.ts';
import { Problem } from './problem.ts';
import * as shapes from './schemas.ts';

export function seriesOperation(shared: Shared): Operation {
  return operation({
    id: 'getIncidentSeries',
    method: 'get',
    path: '/api/v1/incidents/{id}/series',
    summary: 'Denials of an incident over time, by client, and what of the same clients was allowed',
    scope: 'read',
    query: shapes.seriesQuery,
    answers: {
      200: { description: 'Counts in buckets of one step', schema: shapes.incidentSeries },
      404: { description: 'There is no such incident', schema: shapes.problem },
    },
    handle: async ({ id, query }) => ({ status: 200, body: await series(shared, id, query) }),
  });
}

async function series(shared: Shared, id: string, { from, to, step }: (typeof shapes.seriesQuery)['_output']) {
  const { store, now } = shared;
  const [[document], rows] = await Promise.all([store.get('incidents', [id]), readClients(store, id)]);
  if (document === undefined || document === null) throw noIncident();
  const incident = document.value as unknown as Incident;
  const asked = { from: momentOf(from), to: momentOf(to), step: step === undefined ? null : step * 1000 };
  if (asked.from !== null && asked.to !== null && asked.from >= asked.to)
    throw new Problem(400, '`from` is not before `to`.', 'Give two times, the earlier one as `from`.');
  const kept = datedClients(countClients(incident.kind, rows));
  const window = windowFor(incident, kept, asked, now());
  const read = await readCounters(shared, incident, window);
  const isKept = kept.some(({ over }) => totalOf(over) > 0);
  const seen = read === null ? null : countedFacts(incident, read.facts, kept);
  const isFromKept = isKept || seen === null || seen.denied.length === 0;
  const clients = isFromKept ? kept : seen.denied;
  const counted = isFromKept ? seen : countedFacts(incident, read?.facts ?? [], clients);
  const isCounted = counted?.allowed.some((over) => totalOf(over) > 0) === true;
  const allowed = isCounted && counted !== null ? counted.allowed : await keptAllowed(incident, clients, store);
  const isAllowedKnown = allowed.some((over) => totalOf(over) > 0);
  const answer = seriesOf(clients, window, allowed);
  return {
    ...showWindow(window),
    clients: answer.clients.map(({ denied, allowed: own, ...client }) => ({ ...client, denied: [...denied], allowed: own && [...own] })),
    others: { ...answer.others, denied: [...answer.others.denied] },
    outside: answer.outside,
    undated: answer.undated,
    sources: { denied: isFromKept ? 'kept' : 'prometheus', allowed: isCounted ? 'prometheus' : isAllowedKnown ? 'kept' : null },
    missing: missingOf(shared, incident, answer, isAllowedKnown),
    remarks: read === null ? [] : [...read.remarks],
  };
}

/** Without counters that can be asked, and while they do not answer, what is kept has to do. */
async function readCounters({ counters, logger }: Shared, incident: Incident, window: SeriesWindow): Promise<CountersRead | null> {
  if (counters === undefined || incident.namespace === null || incident.workload === null) return null;
  try {
    return await counters(incident.namespace, incident.workload, window);
  } catch (error) {
    logger.debug({ incident: incident.id, error }, 'counters for a series were not to be had');
    const why = error instanceof Error ? error.message : String(error);
    return { facts: [], remarks: [`Prometheus was asked, and gave nothing: ${why}`] };
  }
}

/** RFC 3339 knows no later year; a clock that is set wrong does. */
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59);

function showWindow({ start, step, buckets }: SeriesWindow) {
  return { from: showInstant(start), to: showInstant(Math.min(LAST, start + step * buckets)), step: step / 1000 };
}

function missingOf({ counters }: Shared, incident: Incident, { undated }: IncidentSeries, isAllowedKnown: boolean) {
  const namespace = plainName(incident.namespace, 'NAMESPACE');
  const { workload } = incident;
  const server = workload === null ? 'deploy/NAME' : showWorkload({ ...workload, namespace, name: plainName(workload.name, 'NAME') });
  const logs = `kubectl logs -n ${namespace} ${server} -c ${PROXY_CONTAINER} --timestamps --prefix`;
  const page = `kubectl exec -n ${namespace} ${server} -c ${PROXY_CONTAINER} -- curl -s 127.0.0.1:4191/metrics`;
  const to = (place: string) =>
    `curl -fsS --data-binary @- -H 'Content-Type: text/plain' -H 'X-Denywhy-Namespace: ${namespace}' $DENYWHY/api/v1/${place}`;
  const missing: { what: string; command: string }[] = [];
  if (undated > 0)
    missing.push({ what: `when ${undated} of the denials were; lines of the log have times`, command: `${logs} | ${to('logs')}` });
  // Trouble without a denial is told by the side that calls.
  const isDenial = incident.kind === null || !isSymptomKind(incident.kind);
  if (isDenial && !isAllowedKnown && counters === undefined)
    missing.push({
      what: 'what was allowed of these clients: no Prometheus is configured (prometheus.url), and no page of this proxy that was pushed says it',
      command: `${page} | ${to('metrics')}`,
    });
  return missing;
}

function momentOf(at: string | undefined): number | null {
  return at === undefined ? null : parseInstant(at);
}
