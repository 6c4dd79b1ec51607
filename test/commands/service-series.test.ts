/** Denials over time out of a real Prometheus that has scraped the recorded story. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSeriesCounters } from '../../src/commands/service-series.ts';
import { createPrometheus } from '../../src/drivers/metrics-prometheus.ts';
import { createUpstream } from '../../src/drivers/upstream.ts';
import type { Fact } from '../../src/evidence/facts.ts';
import { within, withStretch } from '../../src/evidence/over-time.ts';
import { stretchOf } from '../../src/evidence/tally.ts';
import type { Prometheus } from '../../src/ports.ts';
import { prometheusSkip, startPrometheus, type TestPrometheus } from '../prometheus.ts';

const STORY = join(import.meta.dirname, '../../demo/prometheus/tsdb.om.gz');
const at = (clock: string) => Date.parse(`2026-11-23T${clock}Z`);
const WINDOW = { start: at('09:21:00'), step: 15_000, buckets: 48 };
const FRONTEND = 'frontend.production.serviceaccount.identity.linkerd.cluster.local';

describe.skipIf(prometheusSkip !== null)(`a real Prometheus${prometheusSkip === null ? '' : ` (${prometheusSkip})`}`, () => {
  let server: TestPrometheus;
  let prometheus: Prometheus;
  beforeAll(async () => {
    const history = gunzipSync(readFileSync(STORY)).toString();
    server = await startPrometheus('linkerd-proxy', [], '', { history, flags: ['--storage.tsdb.retention.time=100y'] });
    const upstream = await createUpstream({
      name: 'Prometheus',
      url: server.url,
      credentials: { bearer: null, bearerFile: null, basic: null },
      headers: new Map(),
      tls: { ca: null, certificate: null, key: null, serverName: null, isVerified: true },
      timeout: 20_000,
      mostBytes: 64 * 2 ** 20,
    });
    prometheus = createPrometheus(upstream);
  }, 120_000);
  afterAll(async () => {
    prometheus?.close();
    await server?.stop();
  });

  const bucketsOf = (facts: readonly Fact[]) => {
    const over = facts.reduce<ReturnType<typeof withStretch>>((sum, fact) => withStretch(sum, stretchOf(fact)), undefined);
    return over === undefined ? [] : within(over, WINDOW.start, WINDOW.step, WINDOW.buckets);
  };
  const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
  const bucketAt = (clock: string) => Math.floor((at(clock) - WINDOW.start) / WINDOW.step);

  it('tells bucket by bucket what was denied and allowed of one workload, each increase where it was counted', async () => {
    const { facts, remarks } = await createSeriesCounters(prometheus)('production', { kind: 'Deployment', name: 'backend' }, WINDOW);
    expect(remarks).toEqual([]);
    const isFrontend = ({ client }: Fact) => client?.tls?.state === 'established' && client.tls.clientId === FRONTEND;
    const own = facts.filter((fact) => fact.type !== 'symptom' && fact.route?.name === 'backend-routes' && isFrontend(fact));
    const denied = bucketsOf(own.filter(({ type }) => type === 'denial'));
    const allowed = bucketsOf(own.filter(({ type }) => type === 'observation'));
    expect(sum(denied)).toBe(547);
    expect(denied.findIndex((count) => count > 0)).toBeGreaterThanOrEqual(bucketAt('09:23:00'));
    expect(denied.findLastIndex((count) => count > 0)).toBeLessThanOrEqual(bucketAt('09:29:15'));
    expect(sum(allowed.slice(0, bucketAt('09:23:00')))).toBeGreaterThan(50);
    expect(sum(allowed.slice(bucketAt('09:24:00'), bucketAt('09:28:45')))).toBe(0);
    expect(sum(allowed.slice(bucketAt('09:29:15')))).toBeGreaterThan(50);
    expect(new Set(facts.map(({ reporter }) => reporter.workload?.name))).toEqual(new Set(['backend']));
  }, 60_000);

  it('has nothing of a workload whose name is none, nor of times that are still to come', async () => {
    const counters = createSeriesCounters(prometheus);
    expect((await counters('production', { kind: 'Deployment', name: 'x"} or up{job=~".+' }, WINDOW)).facts).toEqual([]);
    expect(
      (await counters('production', { kind: 'Deployment', name: 'backend' }, { ...WINDOW, start: at('09:21:00') + 10 ** 12 })).facts,
    ).toEqual([]);
  }, 60_000);
});
