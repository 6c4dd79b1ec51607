import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import type { Denial, Fact } from '../../src/evidence/facts.ts';
import { createMetricsInput } from '../../src/evidence/metrics.ts';
import { createMetricsReader } from '../../src/evidence/metrics-reader.ts';
import { WANTED_METRICS } from '../../src/evidence/metrics-sample.ts';
import { createMetricsText } from '../../src/evidence/metrics-text.ts';
import { showInstant } from '../../src/policy/time.ts';

/** The counters of the recorded story: thirteen minutes in which pods were rolled out, a policy broken and mended, and a scanner came by. */
const DUMP = gunzipSync(readFileSync(new URL('../../demo/prometheus/tsdb.om.gz', import.meta.url))).toString();
const READING = { name: 'tsdb.om', at: null, reporter: { cluster: '', namespace: null, pod: null, workload: null } };

function readAtOnce(): Fact[] {
  const reader = createMetricsReader();
  const input = createMetricsInput(reader, READING);
  for (let i = 0; i < DUMP.length; i += 65_536) input.push(DUMP.slice(i, i + 65_536));
  expect(input.end()).toEqual([]);
  return reader.take();
}

/** As a poller would: scrape by scrape in the order of time, facts taken after each. */
function readInOrder(): Fact[] {
  const samples: Parameters<Parameters<typeof createMetricsText>[2]>[0][] = [];
  const text = createMetricsText('tsdb.om', WANTED_METRICS, (s) => samples.push(s));
  text.push(DUMP);
  text.end();
  const reader = createMetricsReader();
  reader.begin(READING);
  const facts: Fact[] = [];
  let now: number | null = null;
  for (const sample of samples.sort((a, b) => (a.at as number) - (b.at as number))) {
    if (sample.at !== now) facts.push(...reader.take());
    now = sample.at;
    reader.add(sample);
  }
  facts.push(...reader.take());
  return facts;
}

function clientOf(denial: Denial): string {
  const { tls } = denial.client;
  return tls?.state === 'established' ? (tls.clientId?.split('.', 2).join('.') ?? '?') : tls?.state === 'none' ? tls.reason : '?';
}

/** Per client and target: requests within the recording, and those counted before it. */
function tally(facts: readonly Fact[]): Record<string, [within: number, before: number]> {
  const totals: Record<string, [number, number]> = {};
  for (const f of facts) {
    if (f.type !== 'denial') continue;
    const name = `${clientOf(f)} ${f.kind} ${f.reporter.workload?.name} ${f.server?.name}/${f.route?.name ?? '-'}`;
    const [within, before] = totals[name] ?? [0, 0];
    totals[name] = [within + f.count, before + (f.countedBefore ?? 0)];
  }
  return totals;
}

const EXPECTED = {
  'frontend.production http-denied backend backend-http/backend-routes': [547, 538],
  'default.production http-denied backend backend-http/backend-admin': [15, 15],
  'no_tls_from_remote http-denied backend backend-http/backend-routes': [4, 2],
  'no_tls_from_remote http-denied backend backend-http/backend-admin': [5, 6],
  'no_tls_from_remote route-not-found backend backend-http/-': [2, 3],
  'port_skipped tcp-denied database database-sql/-': [15, 15],
  'prometheus.linkerd-viz http-denied backend deny/default': [2, 0],
  'prometheus.linkerd-viz http-denied database deny/default': [0, 1],
};

it('counts what was denied within the recording, and tells what pods of an earlier rollout had counted before', () => {
  expect(tally(readAtOnce())).toEqual(EXPECTED);
});

it('counts the same when it is read scrape by scrape', () => {
  expect(tally(readInOrder())).toEqual(EXPECTED);
});

it('says when the frontend was denied, to the scrape', () => {
  const denials = readAtOnce().filter((f) => f.type === 'denial');
  const frontend = denials.filter((d) => clientOf(d) === 'frontend.production' && d.count > 0);
  expect(
    frontend.map((d) => [d.reporter.pod, d.count, showInstant(d.at as number), showInstant(d.lastAt as number), d.sinceBefore]),
  ).toEqual([
    ['backend-756f7c997f-kns9q', 271, '2026-11-23T09:23:15.717Z', '2026-11-23T09:29:05.717Z', false],
    ['backend-756f7c997f-2588f', 276, '2026-11-23T09:23:15.769Z', '2026-11-23T09:29:05.769Z', false],
  ]);
});
