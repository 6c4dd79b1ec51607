/** The labels of an alert are the key of its incident: what promtool has shown to fire is read as the webhook reads it. */
import { describe, expect, it } from 'vitest';
import { alertTests } from '../../src/alerting/alert-tests.ts';
import { firstDenialTests } from '../../src/alerting/first-denial-tests.ts';
import { DEFAULTS, type Settings } from '../../src/alerting/settings.ts';
import type { UnitTest } from '../../src/alerting/unit-test.ts';
import { parseWebhook } from '../../src/evidence/alert.ts';
import type { Denial, Fact, Symptom } from '../../src/evidence/facts.ts';
import { type IncidentKey, keyOf, keyText } from '../../src/evidence/key.ts';
import { factsBetween } from '../evidence/metric-delta.ts';

const CLUSTERED: Settings = { ...DEFAULTS, clusterLabel: 'cluster' };

const sent = (labels: Readonly<Record<string, string>>, name: string) =>
  parseWebhook({ version: '4', alerts: [{ status: 'firing', labels: { ...labels, alertname: name }, startsAt: '2026-11-23T08:53:35Z' }] })
    .alerts[0];

/** The incident of an alert: what it does not name is not known. */
function incidentOf(labels: Readonly<Record<string, string>>, name: string): string {
  const selection = sent(labels, name)?.selects;
  if (selection?.kind === undefined) throw new Error(`${name} names no kind of incident`);
  const key: IncidentKey = { cluster: '', namespace: null, workload: null, server: null, route: null, ...selection, kind: selection.kind };
  return keyText(key);
}

/** The incidents of the facts that denywhy itself makes of the counters of a test, when they begin to count. */
function incidentsOf({ input_series }: UnitTest): ReadonlySet<string> {
  const page = (value: number) => `${input_series.map(({ series }) => `${series} ${series.includes('_total') ? value : 1}`).join('\n')}\n`;
  const facts = factsBetween(page(0), page(1)).filter((fact: Fact): fact is Denial | Symptom => fact.type !== 'observation');
  return new Set(facts.filter(({ kind }) => kind !== 'scrape-failed').map((fact) => keyText(keyOf(fact))));
}

const DENIED = /^Linkerd(?!IdentityLost|DenialsInvisible)/;

const played = [DEFAULTS, CLUSTERED].flatMap((settings) =>
  [...firstDenialTests(settings), ...alertTests(settings)]
    .map((test) => ({ test, fired: (test.alert_rule_test ?? []).filter(({ exp_alerts }) => exp_alerts.length > 0) }))
    .filter(({ fired }) => fired.some(({ alertname }) => DENIED.test(alertname)))
    .map(({ test, fired }) => [`${settings.clusterLabel ?? 'no cluster'}: ${test.name}`, test, fired] as const),
);

describe('an alert about denied traffic comes back as the key of its incident', () => {
  it.each(played)('%s', (_, test, fired) => {
    const incidents = incidentsOf(test);
    for (const { alertname, exp_alerts } of fired) {
      const alerted = new Set(exp_alerts.map(({ exp_labels }) => incidentOf(exp_labels, alertname)));
      expect(alerted).toEqual(incidents);
    }
  });

  it('for every such alert', () => {
    const names = new Set(played.flatMap(([, , fired]) => fired.map(({ alertname }) => alertname)));
    expect([...names].toSorted()).toEqual(
      [
        ...['LinkerdAuditHits', 'LinkerdConnectionsDenied', 'LinkerdConnectionsRefusedBeforePolicy', 'LinkerdConnectionsTerminated'],
        ...['LinkerdDenialRatioHigh', 'LinkerdRateLimited', 'LinkerdRequestsDenied', 'LinkerdRouteNotFound'],
      ].toSorted(),
    );
  });
});

it.each(['LinkerdIdentityLost', 'LinkerdDenialsInvisible', 'DenywhyDown', 'DenywhyBlind'])('%s selects no incident', (name) => {
  const fired = alertTests(DEFAULTS).flatMap(({ alert_rule_test }) =>
    (alert_rule_test ?? []).filter(({ alertname }) => alertname === name),
  );
  const labels = fired.flatMap(({ exp_alerts }) => exp_alerts.map(({ exp_labels }) => exp_labels));
  expect(labels.length).toBeGreaterThan(0);
  for (const each of labels) expect(sent(each, name)?.selects).toEqual({});
});
