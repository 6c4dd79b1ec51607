/** Captured trouble that left no denial behind, pushed at the whole service: each incident's answer is the cause that `truth.json` names. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as shapes from '../../src/http/schemas.ts';
import { rowsOf } from '../root-causes.ts';
import { folderAt } from './folders.ts';
import { type ServedIncident, type ServedSituation, serveSituation } from './served.ts';

const CAPTURES = join(import.meta.dirname, '../fixtures');

interface Case {
  readonly folder: string;
  /** What comes before the proxies' logs and pages, from an alert or from Prometheus. */
  readonly before?: (served: ServedSituation) => Promise<void>;
  /** `KIND WORKLOAD` and the row of the first finding; null: no cause is known. */
  readonly expected: Readonly<Record<string, number | null>>;
}

/** A proxy asked an application that did not listen yet: of each captured pod's start. */
const START = { 'request-failed backend': null };

const CASES: readonly Case[] = [
  { folder: 'no-denial/direct-4143', expected: { 'refused-before-policy backend': 54, ...START } },
  {
    folder: 'no-denial/http2-server-http1-client',
    expected: { 'refused-before-policy backend': 55, 'request-failed frontend': 55, ...START },
  },
  {
    folder: 'captures/situations/tutorial-as-written',
    expected: {
      'refused-before-policy backend': 55,
      'request-failed frontend': 55,
      'request-failed admin-console': 55,
      'admin-denied backend': 56,
      ...START,
    },
  },
  { folder: 'no-denial/network-policy-drop', expected: { 'connect-failed frontend': 53, 'request-failed frontend': 53, ...START } },
  { folder: 'no-denial/egress-network-deny', expected: { 'request-failed frontend': 51, ...START } },
  { folder: 'no-denial/application-403', before: alertOf403, expected: { 'application-refused backend': 52, ...START } },
  {
    folder: 'captures/situations/rate-limit',
    expected: { 'rate-limited backend': 50, 'remote-proxy-error frontend': null, 'remote-proxy-error admin-console': null, ...START },
  },
  { folder: 'no-denial/prometheus-denied', before: targets, expected: { 'scrape-refused backend': 56, 'scrape-refused database': null } },
];

/** An application's own 403 makes no incident by itself; beside an alert of its workload it does. */
async function alertOf403(served: ServedSituation): Promise<void> {
  const labels = { alertname: 'BackendAnswers403', namespace: 'shop', deployment: 'backend' };
  const alert = { status: 'firing', labels, annotations: {}, startsAt: '2026-11-23T09:00:00Z', endsAt: '0001-01-01T00:00:00Z' };
  const body = { version: '4', status: 'firing', receiver: 'denywhy', groupKey: '{}', alerts: [alert] };
  await served.post('webhooks/alertmanager', JSON.stringify(body), { 'Content-Type': 'application/json' });
}

/** What Prometheus' targets API says; of the two workloads the objects hold one. */
async function targets(served: ServedSituation): Promise<void> {
  await served.post('metrics', folderAt(join(CAPTURES, 'no-denial/prometheus-denied')).read('targets.json') ?? '', {
    'Content-Type': 'application/json',
  });
}

describe.each(CASES)('$folder', ({ folder, before, expected }) => {
  const captured = folderAt(join(CAPTURES, folder));
  let served: ServedSituation;
  let incidents: readonly ServedIncident[];

  beforeAll(async () => {
    served = await serveSituation(captured);
    await before?.(served);
    if (captured.read('replay.json') !== null) await served.pushAll();
    incidents = await served.incidents();
  }, 60_000);
  afterAll(() => served.close());

  it('makes these incidents, and the first finding of each has the right row', () => {
    const found = incidents.map(({ kind, workload, answer }) => {
      const rows = answer?.finding == null ? [] : rowsOf(answer.finding.id);
      const row = expected[`${kind} ${workload.name}`] ?? null;
      return [`${kind} ${workload.name}`, row !== null && rows.includes(row) ? row : (rows[0] ?? null)];
    });
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  it('names no cause that truth.json does not', () => {
    const { rootCauses } = JSON.parse(captured.read('truth.json') ?? '{}') as { readonly rootCauses: readonly number[] };
    for (const { answer } of incidents)
      if (answer?.finding != null)
        expect(
          rowsOf(answer.finding.id).some((row) => rootCauses.includes(row)),
          answer.sentence,
        ).toBe(true);
  });

  it('shows each as the document says, with the finding among its findings', async () => {
    for (const { id, answer } of incidents) {
      const { explanation } = shapes.incidentDetail.parse(await served.get(`incidents/${id}`));
      const { clients = [], troubles = [], standing = [] } = explanation ?? {};
      const findings = [
        ...clients.flatMap((c) => c.targets.flatMap((t) => t.findings)),
        ...troubles.flatMap((t) => t.findings),
        ...standing,
      ];
      if (answer?.finding != null)
        expect(findings.filter(({ summary }) => summary === answer.sentence).map((f) => f.id)).toContain(answer.finding.id);
    }
  });
});

it('an application’s own 403 opens no incident where nobody complains', { timeout: 60_000 }, async () => {
  const served = await serveSituation(folderAt(join(CAPTURES, 'no-denial/application-403')));
  try {
    await served.pushAll();
    expect((await served.incidents()).map(({ kind }) => kind)).toEqual(['request-failed']);
  } finally {
    await served.close();
  }
});
