/** Each of the other alerts as promtool plays it: once where it must fire, once where it looks alike and must not. */
import { ALERT_LABEL, LABEL, METRIC, NO_INCIDENT, OUTBOUND, WORKLOAD_LABELS } from '../evidence/conventions.ts';
import type { AlertKind } from './alert-kind.ts';
import { DENYWHY_METRIC } from './blindness-alerts.ts';
import type { AlertName } from './names.ts';
import { ALERTS } from './pack.ts';
import type { Settings } from './settings.ts';
import {
  behaviourOf,
  CLIENT,
  type Clock,
  clockOf,
  type ExpectedAlert,
  expected,
  input,
  keyOfLabels,
  type Labels,
  NAMESPACE,
  OLD,
  podOf,
  ROUTE,
  SERVER,
  stepsOf,
  target,
  type UnitTest,
  UP,
  withKind,
} from './unit-test.ts';

/** For every alert that is on. */
export function alertTests(settings: Settings): readonly UnitTest[] {
  return [workloads, admin, ratio, identity, invisible, down, blind, tutorial].flatMap((tests) => tests(settings));
}

const UNMESHED: Labels = { tls: 'no_identity', no_tls_reason: 'no_tls_from_remote' };
const DENIED: Labels = { ...SERVER, ...ROUTE, ...CLIENT };

function alertNamed(name: AlertName): AlertKind {
  const alert = ALERTS.find((other) => other.name === name);
  if (alert === undefined) throw new Error(`no alert ${name}`);
  return alert;
}

type Check = readonly [step: number, alerts: readonly { readonly labels: Labels; readonly value: number }[]];

interface Scene {
  readonly name: string;
  readonly series: UnitTest['input_series'];
  readonly checks: readonly Check[];
}

/** Empty where the alert is off or muted. `wait`: steps that it waits before it fires. */
function scenes(settings: Settings, name: AlertName, key: Labels, play: (played: Played) => readonly Scene[]): readonly UnitTest[] {
  const alert = alertNamed(name);
  const behaviour = behaviourOf(alert, settings, key);
  if (behaviour === null) return [];
  const clock = clockOf(settings);
  const wait = stepsOf(behaviour.for, clock);
  return play({ clock, wait, threshold: behaviour.threshold }).map((scene): UnitTest => {
    const found = (labels: Labels, value: number): ExpectedAlert => expected(alert, settings, behaviour.severity, labels, value);
    return {
      name: `${name}: ${scene.name}`,
      interval: clock.at(1),
      input_series: scene.series,
      alert_rule_test: scene.checks.map(([step, alerts]) => ({
        alertname: name,
        eval_time: clock.at(step),
        exp_alerts: alerts.map(({ labels, value }) => found(labels, value)),
      })),
    };
  });
}

interface Played {
  readonly clock: Clock;
  readonly wait: number;
  readonly threshold: number;
}

/** The scrape label of each kind of workload, and a pod without any. */
function workloads(settings: Settings): readonly UnitTest[] {
  const key = keyOfLabels(DENIED, 'namespace_workload_server_route', settings);
  return scenes(settings, 'LinkerdRequestsDenied', key, ({ threshold, wait }) => {
    const c = Math.floor(threshold) + 1;
    const kinds = Object.entries(WORKLOAD_LABELS);
    const keyOf = (kind: string) =>
      withKind(keyOfLabels(DENIED, 'namespace_workload_server_route', settings, { kind, name: 'backend' }), 'http-denied');
    const { [ALERT_LABEL.workloadKind]: _, [ALERT_LABEL.workloadName]: __, ...bare } = keyOf('Pod');
    const pods = [...kinds.map(([label]) => podOf(settings, label, { [label]: 'backend' })), podOf(settings, 'bare', {})];
    return [
      {
        name: 'each kind of workload is named, and a bare pod is not',
        series: pods.flatMap((pod) => [input(METRIC.httpDeny, { ...pod, ...DENIED }, `_x9 ${c}x50`), ...target(pod, UP, OLD)]),
        checks: [[9 + wait, [...kinds.map(([, kind]) => ({ labels: keyOf(kind), value: c })), { labels: bare, value: c }]]],
      },
    ];
  });
}

/** Scrapes and probes: the admin port is told by `srv_port`, and by `target_port` before Linkerd 2.18. */
function admin(settings: Settings): readonly UnitTest[] {
  const server: Labels = { srv_kind: 'default', srv_name: 'deny', target_port: '4191', target_ip: '0.0.0.0', target_addr: '0.0.0.0:4191' };
  const route: Labels = { route_kind: 'default', route_name: 'default' };
  const key = keyOfLabels({ ...server, ...route }, 'namespace_workload_server_route', settings);
  return scenes(settings, 'LinkerdRequestsDenied', key, ({ threshold, wait }) => {
    const c = Math.floor(threshold) + 1;
    const pods = ['p1', 'p2'].map((name) => podOf(settings, name));
    const [newer, older] = [{ srv_port: '4191' }, {}];
    return [
      {
        name: 'denials on the admin port are of a kind of their own',
        series: pods.flatMap((pod, i) => [
          input(METRIC.httpDeny, { ...pod, ...server, ...(i === 0 ? newer : older), ...route, ...UNMESHED }, `_x9 ${c}x50`),
          ...target(pod, UP, OLD),
        ]),
        checks: [[9 + wait, [{ labels: withKind(key, 'admin-denied'), value: 2 * c }]]],
      },
    ];
  });
}

function ratio(settings: Settings): readonly UnitTest[] {
  const key = keyOfLabels(DENIED, 'namespace_workload_server_route', settings);
  return scenes(settings, 'LinkerdDenialRatioHigh', key, ({ wait, threshold, clock }) => {
    if (threshold >= 0.5) return [];
    const pod = podOf(settings, 'p1');
    const step = Math.ceil(settings.ratioFloor / clock.window) + 1;
    const allow = { ...pod, ...SERVER, ...ROUTE, authz_kind: 'authorizationpolicy', authz_name: 'backend', ...CLIENT };
    const deny = { ...pod, ...DENIED };
    const full = clock.window + 2;
    const many = Math.ceil((step * 4) / Math.max(threshold, 0.01));
    const play = (name: string, denied: string, allowed: string, checks: readonly Check[]): Scene => ({
      name,
      series: [input(METRIC.httpDeny, deny, denied), input(METRIC.httpAllow, allow, allowed), ...target(pod, UP, OLD)],
      checks,
    });
    const end = full + wait + clock.window;
    return [
      play('half of what comes is denied', `0+${step}x200`, `0+${step}x200`, [
        [end, [{ labels: withKind(key, 'http-denied'), value: 0.5 }]],
      ]),
      play('all of what comes is denied', `0+${step}x200`, '5x200', [[end, [{ labels: withKind(key, 'http-denied'), value: 1 }]]]),
      play('a few denials among many permits', `0+${step}x200`, `0+${many}x200`, [[end, []]]),
      ...(settings.ratioFloor > 1 ? [play('one denial and no permit are no ratio', '_x9 1x200', '5x200', [[10 + wait, []]])] : []),
    ];
  });
}

function identity(settings: Settings): readonly UnitTest[] {
  return scenes(settings, 'LinkerdIdentityLost', {}, ({ wait }) => {
    const pod = podOf(settings, 'p1');
    const opened = (labels: Labels, values: string) =>
      input(
        OUTBOUND.tcpOpen,
        { ...pod, direction: 'outbound', peer: 'dst', [OUTBOUND.dstNamespace]: NAMESPACE, [OUTBOUND.dstService]: 'orders', ...labels },
        values,
      );
    const mutual: Labels = { tls: 'true', server_id: 'orders' };
    const plain: Labels = { tls: 'no_identity', no_tls_reason: OUTBOUND.noIdentityKnown };
    const workload = keyOfLabels({}, 'namespace_workload', settings);
    const client = withKind({ ...workload, [OUTBOUND.dstNamespace]: NAMESPACE, [OUTBOUND.dstService]: 'orders' }, NO_INCIDENT);
    const traffic = (labels: Labels, values: string) =>
      input(METRIC.httpAllow, { ...pod, ...SERVER, ...ROUTE, authz_kind: 'authorizationpolicy', authz_name: 'backend', ...labels }, values);
    const server = withKind(keyOfLabels({ ...SERVER, ...ROUTE }, 'namespace_workload_server_route', settings), NO_INCIDENT);
    const probe = { authz_kind: 'default', authz_name: 'probe', ...UNMESHED };
    return [
      {
        name: 'a client reaches a Service plainly that it reached by mutual TLS',
        series: [opened(mutual, '3x200'), opened(plain, '_x9 1x200')],
        checks: [
          [8, []],
          [9 + wait, [{ labels: client, value: 1 }]],
        ],
      },
      {
        name: 'a client always reached the Service plainly',
        series: [opened(plain, '3x9 4x200')],
        checks: [
          [8, []],
          [9 + wait, []],
        ],
      },
      {
        name: 'a Server that saw identities alone sees a client without one',
        series: [traffic(CLIENT, '3+1x200'), input(METRIC.httpDeny, { ...pod, ...SERVER, ...ROUTE, ...UNMESHED }, '_x9 1x200')],
        checks: [
          [8, []],
          [9 + wait, [{ labels: server, value: 1 }]],
        ],
      },
      {
        name: 'probes never had an identity',
        series: [traffic(CLIENT, '3+1x200'), traffic(probe, '_x9 1x200')],
        checks: [[9 + wait, []]],
      },
    ];
  });
}

function invisible(settings: Settings): readonly UnitTest[] {
  return scenes(settings, 'LinkerdDenialsInvisible', {}, ({ wait, threshold }) => {
    const pods = Array.from({ length: Math.floor(threshold) + 1 }, (_, i) => podOf(settings, `p${i}`));
    const up = (values: string) => pods.map((pod) => input(METRIC.up, pod, values));
    const workload = withKind(keyOfLabels({}, 'namespace_workload', settings), NO_INCIDENT);
    const [job, ...more] = settings.scrape.jobs;
    const nobody: Labels = more.length === 0 ? { [LABEL.job]: job } : {};
    return [
      {
        name: 'proxies cannot be scraped',
        series: up('1x9 0x200'),
        checks: [
          [10 + wait - 1, []],
          [11 + wait, [{ labels: workload, value: pods.length }]],
        ],
      },
      {
        name: 'proxies are scraped',
        series: up(UP),
        checks: [
          [10, []],
          [10 + wait, []],
        ],
      },
      {
        name: 'there is no proxy among the targets',
        series: [],
        checks: [[wait + 1, [{ labels: withKind(nobody, NO_INCIDENT), value: 1 }]]],
      },
    ];
  });
}

function down(settings: Settings): readonly UnitTest[] {
  const job = { [LABEL.job]: settings.denywhyJob };
  return scenes(settings, 'DenywhyDown', {}, ({ wait }) => {
    const up = (values: string) => [input(METRIC.up, { ...job, instance: 'denywhy:8080' }, values)];
    const fires: Check = [11 + wait, [{ labels: withKind({}, NO_INCIDENT), value: 1 }]];
    return [
      { name: 'its target is down', series: up('1x9 0x200'), checks: [[9, []], fires] },
      { name: 'it has no target', series: [], checks: [fires] },
      { name: 'it is up', series: up(UP), checks: [[11 + wait, []]] },
    ];
  });
}

function blind(settings: Settings): readonly UnitTest[] {
  const job: Labels = { [LABEL.job]: settings.denywhyJob, instance: 'denywhy:8080' };
  return scenes(settings, 'DenywhyBlind', {}, ({ wait, clock }) => {
    const at = 21 + wait;
    const scene = (name: string, metric: string, labels: Labels, values: string, reason: string | null, value = 1): Scene => ({
      name,
      series: [input(metric, { ...job, ...labels }, values)],
      checks: [[at, reason === null ? [] : [{ labels: withKind({ ...job, ...labels, reason }, NO_INCIDENT), value }]]],
    });
    // One failure a step, so that a quarter of an hour of them is a whole number, whatever a step is.
    const failures = Math.min(at, 900 / clock.seconds);
    const counts = Number.isInteger(900 / clock.seconds) && at >= 900 / clock.seconds + 1;
    return [
      scene('the store takes no writes', DENYWHY_METRIC.storeUp, {}, '1x9 0x200', 'store', 0),
      scene('the store takes writes', DENYWHY_METRIC.storeUp, {}, UP, null),
      ...(counts
        ? [
            scene('the policy cannot be read', DENYWHY_METRIC.policyFailures, {}, '0+1x200', 'policy', failures),
            scene('Prometheus cannot be asked', DENYWHY_METRIC.polls, { result: 'failed' }, '0+1x200', 'prometheus', failures),
            scene('answers cannot be posted', DENYWHY_METRIC.alertPosts, { result: 'failed' }, '0+1x200', 'alertmanager', failures),
            scene('Prometheus is asked', DENYWHY_METRIC.polls, { result: 'done' }, '0+1x200', null),
            scene('timed work fails', DENYWHY_METRIC.timedFailures, { work: 'sweep' }, '0+1x200', 'work', failures),
          ]
        : []),
      scene('reading the policy failed once, long ago', DENYWHY_METRIC.policyFailures, {}, '1x200', null),
      scene('Prometheus lags', DENYWHY_METRIC.pollLag, {}, '601x200', 'prometheus', 601),
      scene('Prometheus is a little late', DENYWHY_METRIC.pollLag, {}, '60x200', null),
      scene('an incident cannot be explained', DENYWHY_METRIC.jobs, { state: 'parked' }, '0x9 1x200', 'parked'),
      scene('incidents wait to be explained', DENYWHY_METRIC.jobs, { state: 'waiting' }, '0x9 1x200', null),
    ];
  });
}

/** In minutes, whatever the window is: the alert has its own. */
function tutorial(settings: Settings): readonly UnitTest[] {
  return scenes(settings, 'HighAuthorizationDenials', {}, ({ threshold, wait, clock }) => {
    const pod = { namespace: NAMESPACE, pod: 'p1', deployment: 'backend' };
    const perStep = (rate: number) => `0+${rate * clock.seconds}x400`;
    const ready = stepsOf(300, clock) + 1;
    const series = (values: string) => [input(METRIC.httpDeny, { ...pod, ...DENIED }, values)];
    const labels = { namespace: NAMESPACE, deployment: 'backend' };
    const fast = Math.floor(threshold) + 5;
    return [
      {
        name: 'a flood of denials',
        series: series(perStep(fast)),
        checks: [
          [1, []],
          [ready + wait, [{ labels, value: fast }]],
        ],
      },
      {
        name: 'a denial now and then is not seen',
        series: series('_x9 1 2x9 3x400'),
        checks: [
          [10, []],
          [ready + wait, []],
          [30, []],
        ],
      },
    ];
  });
}
