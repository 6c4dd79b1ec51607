import { describe, expect, it } from 'vitest';
import { DENYWHY_METRIC } from '../../src/alerting/blindness-alerts.ts';
import { AUDIT, growth } from '../../src/alerting/growth.ts';
import { ALERT_NAMES, type AlertName } from '../../src/alerting/names.ts';
import { ALERTS, rulePack } from '../../src/alerting/pack.ts';
import { assertPromql, isOneOf, type Matcher, series } from '../../src/alerting/promql.ts';
import type { AlertingRule } from '../../src/alerting/rule.ts';
import { DEFAULTS, podMonitor, type Settings } from '../../src/alerting/settings.ts';
import { readTuning } from '../../src/alerting/tuning.ts';
import { ERROR_BEFORE_POLICY, LABEL, METRIC } from '../../src/evidence/conventions.ts';
import { createMetrics } from '../../src/telemetry.ts';

const rulesOf = (settings: Settings) => rulePack(settings).groups.flatMap(({ rules }) => rules);
const alertsOf = (settings: Settings) => rulesOf(settings).filter((rule): rule is AlertingRule => 'alert' in rule);
const named = (settings: Settings, name: AlertName) => alertsOf(settings).filter(({ alert }) => alert === name);
const tuned = (tuning: object) => readTuning(tuning, 'tuning.yaml', DEFAULTS);

describe('the pack', () => {
  it('has every alert, under names that stay', () => {
    expect(new Set(alertsOf(DEFAULTS).map(({ alert }) => alert))).toEqual(new Set(ALERT_NAMES));
    expect(ALERT_NAMES).toEqual([
      ...['LinkerdRequestsDenied', 'LinkerdConnectionsDenied', 'LinkerdRouteNotFound', 'LinkerdConnectionsTerminated', 'LinkerdAuditHits'],
      ...['LinkerdRateLimited', 'LinkerdDenialRatioHigh', 'LinkerdIdentityLost', 'LinkerdDenialsInvisible'],
      ...['LinkerdConnectionsRefusedBeforePolicy', 'DenywhyDown', 'DenywhyBlind', 'HighAuthorizationDenials'],
    ]);
  });

  it('evaluates what it records before the alerts that read it', () => {
    const [denials] = rulePack(DEFAULTS).groups;
    const kinds = denials?.rules.map((rule) => ('record' in rule ? 'record' : 'alert')) ?? [];
    expect(kinds.lastIndexOf('record')).toBeLessThan(kinds.indexOf('alert'));
  });

  it.each(alertsOf(DEFAULTS).map((rule) => [rule.alert, rule] as const))('%s says summary, description and runbook', (alert, rule) => {
    expect(rule.annotations['summary']).toMatch(/^[A-Z][^{}]{10,100}\.$|^denywhy [^{}]{5,100}\.$/);
    expect(rule.annotations['description']?.length).toBeGreaterThan(20);
    expect(rule.annotations['runbook_url']).toMatch(new RegExp(`^https?://[^/]+/runbooks/${alert}$`));
    expect(['critical', 'warning', 'info']).toContain(rule.labels['severity']);
    expect(Object.values(rule.labels).join()).not.toContain('{{');
  });

  it.each(['pod', 'client_id', 'target_ip', 'target_addr', 'target_port', 'sni', 'instance'])('aggregates %s away', (label) => {
    for (const rule of rulesOf(DEFAULTS)) {
      const [, by] = /^sum by \(([^)]*)\)/.exec(rule.expr) ?? [];
      if (by !== undefined) expect(by.split(', ')).not.toContain(label);
    }
    expect(rulesOf(DEFAULTS).filter((rule) => rule.expr.startsWith('sum by')).length).toBeGreaterThanOrEqual(10);
  });

  it('has the tutorial’s alert as its readers know it', () => {
    const [rule, ...more] = named(DEFAULTS, 'HighAuthorizationDenials');
    expect(more).toEqual([]);
    expect(rule).toMatchObject({ for: '5m', labels: { severity: 'warning' } });
    expect(rule?.labels).toEqual({ severity: 'warning' });
    expect(rule?.expr.replace(/\s+/g, ' ')).toBe('sum by (namespace, deployment) ( rate(inbound_http_authz_deny_total[5m]) ) > 10');
  });

  it.each(ALERTS.filter(({ keepsFiring }) => keepsFiring).map(({ name }) => name))(
    '%s does not wait: one denial lasts one window',
    (name) => {
      for (const rule of named(DEFAULTS, name)) expect(rule.for).toBeUndefined();
    },
  );
});

it.each(Object.values(DENYWHY_METRIC))('%s is a metric of denywhy’s own', async (metric) => {
  const page = await createMetrics('0').page({ incidents: async () => null, jobs: async () => null, posture: async () => null });
  expect(page).toContain(`# TYPE ${metric} `);
});

it('every counter of denials is guarded as that of denied requests, whose tests are the thorough ones', () => {
  const guarded = (metric: string, matchers: readonly Matcher[]) =>
    growth(metric, matchers, DEFAULTS).replaceAll(series(metric, matchers), 'm').replaceAll(/\s+/g, ' ');
  const texts = rulesOf(DEFAULTS).map(({ expr }) => expr.replaceAll(/\s+/g, ' '));
  const counters: readonly (readonly [string, readonly Matcher[]])[] = [
    ...[METRIC.httpDeny, METRIC.tcpDeny, METRIC.routeNotFound, METRIC.tcpTerminate, METRIC.rateLimited].map(
      (metric) => [metric, []] as const,
    ),
    [METRIC.httpAllow, AUDIT],
    [METRIC.tcpAllow, AUDIT],
    [METRIC.tcpErrors, [isOneOf(LABEL.error, ERROR_BEFORE_POLICY)]],
  ];
  for (const [metric, matchers] of counters) {
    expect(guarded(metric, matchers)).toBe(guarded(METRIC.httpDeny, []));
    const own = texts.filter(
      (text) => text.startsWith('sum by') && text.replaceAll(series(metric, matchers), 'm').includes(guarded(metric, matchers)),
    );
    expect(own, metric).toHaveLength(1);
  }
});

describe('an old Prometheus', () => {
  const at = (major: number, minor: number, more: Partial<Settings> = {}) => ({ ...DEFAULTS, ...more, version: { major, minor } });

  it('gets no keep_firing_for before 2.42, and hears of it', () => {
    expect(alertsOf(at(2, 42)).some((rule) => rule.keep_firing_for === '5m')).toBe(true);
    expect(alertsOf(at(2, 41)).every((rule) => rule.keep_firing_for === undefined)).toBe(true);
    expect(rulePack(at(2, 41)).notices.join()).toContain('keep_firing_for needs Prometheus 2.42');
    expect(rulePack(at(2, 42)).notices).toEqual([]);
  });

  it('gets no query_offset before 2.53, and hears of it where it was asked for', () => {
    expect(rulePack(at(2, 52, { queryOffset: 60 })).groups.every((group) => group.query_offset === undefined)).toBe(true);
    expect(rulePack(at(2, 52, { queryOffset: 60 })).notices.join()).toContain('queryOffset needs Prometheus 2.53');
    expect(rulePack(at(3, 0, { queryOffset: 60 })).groups.every((group) => group.query_offset === '1m')).toBe(true);
  });

  it('never gets a limit, which would clear all alerts when it is exceeded, nor labels of a group', () => {
    for (const group of rulePack(at(3, 14)).groups) expect(Object.keys(group).toSorted()).toEqual(['name', 'rules']);
  });
});

describe('tuning', () => {
  it('sets threshold, severity and wait of one alert', () => {
    const settings = tuned({ alerts: { LinkerdRouteNotFound: { threshold: 3, severity: 'page', for: '2m' } } });
    const [rule] = named(settings, 'LinkerdRouteNotFound');
    expect(rule).toMatchObject({ for: '2m', labels: { severity: 'page' } });
    expect(rule?.expr).toMatch(/ > 3$/);
  });

  it('turns an alert off', () => {
    const settings = tuned({ alerts: { DenywhyDown: { enabled: false } } });
    expect(named(settings, 'DenywhyDown')).toEqual([]);
    expect(alertsOf(settings)).toHaveLength(alertsOf(DEFAULTS).length - 1);
  });

  it('mutes a part of the traffic for the alerts about denials, and for no other', () => {
    const settings = tuned({ mutes: [{ namespace: 'security', server: 'it"s', reason: 'a scanner of ours' }] });
    expect(named(settings, 'LinkerdRequestsDenied')[0]?.expr).toContain('unless');
    expect(named(settings, 'LinkerdRequestsDenied')[0]?.expr).toContain('{namespace="security",srv_name="it\\"s"}');
    expect(named(settings, 'HighAuthorizationDenials')).toEqual(named(DEFAULTS, 'HighAuthorizationDenials'));
    expect(named(settings, 'LinkerdIdentityLost')).toEqual(named(DEFAULTS, 'LinkerdIdentityLost'));
  });

  it('gives an override a threshold of its own, and takes it out of the rest', () => {
    const overrides = [
      { alerts: ['LinkerdRequestsDenied'], namespace: 'pay', severity: 'critical', threshold: 0 },
      { server: 'db', threshold: 9 },
    ];
    const [critical, usual, ...more] = named(tuned({ overrides }), 'LinkerdRequestsDenied');
    expect(more).toEqual([]);
    expect(critical?.labels['severity']).toBe('critical');
    expect(critical?.expr).toMatch(/\{namespace="pay"\} > 0$/);
    expect(usual?.labels['severity']).toBe('warning');
    expect(usual?.expr.match(/> \d+/g)).toEqual(['> 9', '> 0']);
    expect(usual?.expr.match(/unless/g)).toHaveLength(2);
    expect(named(tuned({ overrides }), 'LinkerdConnectionsDenied')).toHaveLength(1);
  });

  it('cannot write templates: what Prometheus would expand stands as it is', () => {
    const settings = tuned({ runbookUrl: 'https://x.example/{{ .Name }}/%s', alerts: { LinkerdAuditHits: { severity: '{{ $value }}' } } });
    const [rule] = named(settings, 'LinkerdAuditHits');
    expect(rule?.labels['severity']).toBe('{{ "{{" }} $value }}');
    expect(rule?.annotations['runbook_url']).toContain('{{ "{{" }}');
  });
});

describe('other scrapes', () => {
  it('the PodMonitor’s job is named after its namespace', () => {
    const text = rulesOf({ ...DEFAULTS, scrape: podMonitor('linkerd') })
      .map(({ expr }) => expr)
      .join('\n');
    expect(text).toContain('up{job="linkerd/linkerd-proxy"}');
    expect(text).not.toContain('job="linkerd-proxy"');
  });

  it('several jobs, other label names, a renamed label and a cluster label are taken in', () => {
    const settings: Settings = {
      ...DEFAULTS,
      clusterLabel: 'k8s_cluster',
      scrape: { jobs: ['a.b', 'c'], namespace: 'kubernetes_namespace', pod: 'kubernetes_pod_name', exported: ['tls'] },
    };
    const [rule] = rulesOf(settings);
    for (const { expr } of rulesOf(settings)) assertPromql(expr);
    expect(rule?.expr).toContain('job=~"a\\\\.b|c"');
    expect(rule?.expr).toMatch(/^sum by \(cluster, namespace, /);
    expect(rule?.expr).toContain('and on (k8s_cluster, kubernetes_namespace, kubernetes_pod_name)');
    expect(rule?.expr).toContain('"namespace", "$1", "kubernetes_namespace", "(.+)"');
    expect(rule?.expr).toContain('"tls", "$1", "exported_tls", "(.+)"');
    expect(rule?.expr).toContain('"cluster", "$1", "k8s_cluster", "(.+)"');
  });
});
