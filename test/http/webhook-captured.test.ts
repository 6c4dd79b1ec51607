/**
 * Every webhook body of a captured pair of Alertmanagers, at the time at which it came: what peers, routing trees and `max_alerts` do to bodies changes
 * neither which alerts fire nor which incidents there are.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { AlertState } from '../../src/triage/incident.ts';
import { type Running, startTestServer } from './running.ts';

interface Alert {
  readonly status: string;
  readonly fingerprint: string;
  readonly startsAt: string;
  readonly endsAt: string;
}
interface Body {
  readonly status: string;
  readonly groupKey: string;
  readonly externalURL: string;
  readonly truncatedAlerts: number;
  readonly alerts: readonly Alert[];
}
interface Captured {
  readonly at: number;
  readonly path: string;
  readonly body: Body;
}

const CAPTURED: readonly Captured[] = gunzipSync(readFileSync(join(import.meta.dirname, '../fixtures/alertmanager/all.jsonl.gz')))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { receivedAt: string; path: string; body: Body })
  .map(({ receivedAt, path, body }) => ({ at: Date.parse(receivedAt), path, body }))
  .sort((a, b) => a.at - b.at);
const WHOLE = CAPTURED.filter(({ path }) => path !== '/truncated');
const SECOND = 1000;

let running: Running | null = null;
afterEach(() => running?.server.close(0));

/** What fires, and the incidents with their firing alerts, after the last of the bodies. */
async function replayed(bodies: readonly Captured[]) {
  await running?.server.close(0);
  running = await startTestServer();
  for (const { at, body } of bodies.toSorted((a, b) => a.at - b.at)) {
    running.clock.now = at;
    const { status, body: answer } = await running.ask('POST', '/api/v1/webhooks/alertmanager', { json: body });
    expect([status, answer.quarantined]).toEqual([200, []]);
  }
  const alerts = (await running.store.list('alerts', { limit: 1000 })).map(({ value }) => value as unknown as AlertState);
  return {
    firing: alerts.flatMap(({ status, id }) => (status === 'firing' ? [id] : [])).toSorted(),
    incidents: (await running.incidents()).map(({ id, alerts: firing }) => `${id} ${firing.toSorted().join()}`).toSorted(),
  };
}

/** At every tenth body, so that what fires in the middle is compared too. */
const MOMENTS = WHOLE.flatMap(({ at }, i) => (i % 10 === 9 || i === WHOLE.length - 1 ? [at] : []));

/** The firing bodies once more from a slower peer, after what resolved each. */
const LATE = WHOLE.flatMap(({ at, body }): readonly Captured[] => {
  const resolved = body.alerts.filter(({ status }) => status === 'resolved').map(({ fingerprint }) => fingerprint);
  const before = WHOLE.findLast(
    (other) => other.at < at && other.body.alerts.some((a) => a.status === 'firing' && resolved.includes(a.fingerprint)),
  );
  if (before === undefined || at - before.at > 8 * 60 * SECOND) return [];
  const late = before.body.alerts.filter(({ fingerprint }) => resolved.includes(fingerprint));
  return [{ at: at + 1, path: '', body: { ...before.body, externalURL: 'http://slower:9093', alerts: late } }];
});

describe('a captured pair', () => {
  it('holds what this test is about', () => {
    expect(new Set(WHOLE.map(({ body }) => body.externalURL)).size).toBe(2);
    expect(new Set(WHOLE.map(({ body }) => body.groupKey.slice(0, 6))).size).toBeGreaterThan(1);
    expect(CAPTURED.filter(({ body }) => body.truncatedAlerts > 0 && body.status === 'resolved').length).toBeGreaterThan(0);
    expect(LATE.length).toBeGreaterThan(5);
  });

  it.each<readonly [string, (until: number) => readonly Captured[]]>([
    [
      'each body from both peers',
      (until) =>
        WHOLE.flatMap((one) => [one, { ...one, at: one.at + 15 * SECOND, body: { ...one.body, externalURL: 'http://other:9093' } }]).filter(
          ({ at }) => at <= until,
        ),
    ],
    ['firing once more from a slower peer, after the resolve', (until) => [...WHOLE, ...LATE].filter(({ at }) => at <= until)],
    [
      'another groupKey after each change of the routing tree',
      () => WHOLE.map((one, i) => ({ ...one, body: { ...one.body, groupKey: `{}/{route="${Math.floor(i / 5)}"}:${one.body.groupKey}` } })),
    ],
  ])('%s: the same alerts fire, and there are the same incidents', { timeout: 120_000 }, async (_, perturbed) => {
    for (const moment of MOMENTS.slice(-4)) {
      const plain = WHOLE.filter(({ at }) => at <= moment);
      const other = perturbed(moment + 20 * SECOND).filter(({ at }) => at <= moment + 20 * SECOND);
      // What the plain capture itself tells within those seconds belongs to both.
      const expected = await replayed([...plain, ...WHOLE.filter(({ at }) => at > moment && at <= moment + 20 * SECOND)]);
      expect(await replayed(other)).toEqual(expected);
    }
  });

  // Which incident an alert opens depends on which of them comes first; the cut bodies are of another group.
  it('bodies that max_alerts cut, with a status of what is left: the same alerts fire', { timeout: 120_000 }, async () => {
    for (const moment of MOMENTS.slice(-4)) {
      const { firing } = await replayed(WHOLE.filter(({ at }) => at <= moment));
      expect((await replayed(CAPTURED.filter(({ at }) => at <= moment))).firing).toEqual(firing);
    }
  });
});
