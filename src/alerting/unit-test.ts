/** Unit tests of rules in promtool's form (prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules). Field names are the file's own. */
import { ALERT_LABEL, LABEL, METRIC, type NO_INCIDENT } from '../evidence/conventions.ts';
import type { IncidentKind } from '../evidence/key.ts';
import { type AlertKind, tuningOf } from './alert-kind.ts';
import { keyLabels, type Level } from './key-labels.ts';
import { annotationsOf, keepsFiringFor, partsOf } from './pack.ts';
import { series } from './promql.ts';
import type { Selection, Settings } from './settings.ts';

interface InputSeries {
  readonly series: string;
  readonly values: string;
}

export interface ExpectedAlert {
  readonly exp_labels: Readonly<Record<string, string>>;
  readonly exp_annotations: Readonly<Record<string, string>>;
}

interface AlertTest {
  readonly alertname: string;
  readonly eval_time: string;
  readonly exp_alerts: readonly ExpectedAlert[];
}

interface ExpressionTest {
  readonly expr: string;
  readonly eval_time: string;
  readonly exp_samples: readonly { readonly labels: string; readonly value: number }[];
}

export interface UnitTest {
  readonly name: string;
  readonly interval: string;
  readonly input_series: readonly InputSeries[];
  readonly alert_rule_test?: readonly AlertTest[];
  readonly promql_expr_test?: readonly ExpressionTest[];
}

export interface UnitTestFile {
  readonly rule_files: readonly string[];
  readonly evaluation_interval: string;
  readonly tests: readonly UnitTest[];
}

/** Time of a test in steps: a scrape and an evaluation each. */
export interface Clock {
  readonly seconds: number;
  /** Steps until what was new is known. */
  readonly window: number;
  at(step: number): string;
}

/** Five steps make a window, which is a minute each with the default one. */
export function clockOf({ window }: Pick<Settings, 'window'>): Clock {
  const seconds = Math.max(1, Math.floor(window / 5));
  return { seconds, window: Math.ceil(window / seconds), at: (step) => `${step * seconds}s` };
}

/** Steps that last at least so many seconds. */
export function stepsOf(seconds: number, clock: Clock): number {
  return Math.ceil(seconds / clock.seconds);
}

export type Labels = Readonly<Record<string, string>>;

export function input(metric: string, labels: Labels, values: string): InputSeries {
  const matchers = Object.entries(labels).map(([label, value]) => ({ label, operator: '=' as const, value }));
  return { series: series(metric, matchers), values };
}

/** Where the tests' workload lives. */
export const NAMESPACE = 'denywhy-test';

/** Labels that the scrape puts on a pod of the Deployment `backend`, or of what `workload` says. */
export function podOf({ scrape, clusterLabel }: Settings, pod: string, workload: Labels = { deployment: 'backend' }): Labels {
  return {
    job: scrape.jobs[0],
    instance: `${pod}:4191`,
    [scrape.namespace]: NAMESPACE,
    [scrape.pod]: pod,
    ...workload,
    ...(clusterLabel === null ? {} : { [clusterLabel]: 'test' }),
  };
}

/** What Prometheus knows of a target besides its counters. */
export function target(pod: Labels, up: string, start: string): readonly InputSeries[] {
  return [input(METRIC.up, pod, up), input(METRIC.processStart, pod, start)];
}

/** Started long before the test began, and never again. */
export const OLD = '-1000000+0x200';
export const UP = '1x200';

export const SERVER: Labels = {
  srv_group: 'policy.linkerd.io',
  srv_kind: 'server',
  srv_name: 'backend-http',
  srv_port: '8080',
  target_port: '8080',
  target_ip: '10.42.0.7',
  target_addr: '10.42.0.7:8080',
};
export const ROUTE: Labels = { route_group: 'policy.linkerd.io', route_kind: 'HTTPRoute', route_name: 'backend-routes' };
export const CLIENT: Labels = { tls: 'true', client_id: 'frontend.shop.serviceaccount.identity.linkerd.cluster.local' };

/** The labels of the key that a counter with these labels belongs to. */
export function keyOfLabels(labels: Labels, level: Level, settings: Settings, workload = { kind: 'Deployment', name: 'backend' }): Labels {
  const known: Labels = {
    ...labels,
    [LABEL.cluster]: 'test',
    [LABEL.namespace]: NAMESPACE,
    [ALERT_LABEL.workloadKind]: workload.kind,
    [ALERT_LABEL.workloadName]: workload.name,
  };
  return Object.fromEntries(keyLabels(settings, level).flatMap((label) => (known[label] === undefined ? [] : [[label, known[label]]])));
}

/** How an alert behaves where the tests' traffic is; null: it is off or muted there. */
export interface Behaviour {
  readonly threshold: number;
  readonly severity: string;
  readonly for: number;
  readonly keepFiringFor: number;
}

export function behaviourOf(alert: AlertKind, settings: Settings, key: Labels): Behaviour | null {
  if (!tuningOf(alert, settings).enabled) return null;
  const part = partsOf(alert, settings).find(({ only, leftOut }) => fits(only, key) && !leftOut.some((selection) => fits(selection, key)));
  return part === undefined
    ? null
    : { threshold: part.threshold, severity: part.severity, for: part.for, keepFiringFor: keepsFiringFor(alert, settings) };
}

function fits({ namespace, workloadKind, workload, server, route }: Selection, key: Labels): boolean {
  return [
    [namespace, LABEL.namespace],
    [workloadKind, ALERT_LABEL.workloadKind],
    [workload, ALERT_LABEL.workloadName],
    [server, LABEL.serverName],
    [route, LABEL.routeName],
  ].every(([wanted, label]) => wanted === undefined || (label !== undefined && key[label] === wanted));
}

/** The alert as it is expected: its labels and what its templates become. */
export function expected(alert: AlertKind, settings: Settings, severity: string, labels: Labels, value: number): ExpectedAlert {
  const annotations = annotationsOf(alert, settings);
  return {
    exp_labels: { severity, ...labels },
    exp_annotations: Object.fromEntries(Object.entries(annotations).map(([name, text]) => [name, rendered(text, labels, value)])),
  };
}

/** The templates that the alerts use. */
function rendered(template: string, labels: Labels, value: number): string {
  return (
    template
      .replaceAll('{{ "{{" }}', '\u0000')
      .replace(/\{\{ \$labels\.([a-z_]{1,40}) \}\}/g, (_, label: string) => labels[label] ?? '')
      .replaceAll('{{ $value }}', String(value))
      // What Go's humanize does from 1 to 1000; the tests' values lie there.
      .replaceAll('{{ $value | humanize }}', String(Number(value.toPrecision(4))))
      .replaceAll('{{ $value | humanizePercentage }}', `${Number((value * 100).toPrecision(4))}%`)
      .replaceAll('\u0000', '{{')
  );
}

export function withKind(key: Labels, kind: IncidentKind | typeof NO_INCIDENT): Labels {
  return { ...key, [ALERT_LABEL.incidentKind]: kind };
}
