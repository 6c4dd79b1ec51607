/** What stands below the clients: alerts, what was seen beside denials, remarks about the input, and where settings came from. */

import { labelOf } from '../evidence/metrics-labels.ts';
import { plainName } from '../evidence/plain-name.ts';
import { SYMPTOM_WORDS } from '../evidence/symptom-words.ts';
import { earlier, later, type TallySymptom } from '../evidence/tally.ts';
import type { Explanation, TargetExplanation } from '../explain.ts';
import type { ClusterSettings } from '../policy/cluster-settings.ts';
import { parseIdentity } from '../policy/identity.ts';
import type { SettingOrigin } from '../policy/settings.ts';
import type { Notice } from '../ports.ts';
import type { LogRead } from './explain-evidence.ts';
import { paragraph, type Style } from './explain-lines.ts';
import { showPlace } from './explain-names.ts';
import { showMoment, showSpan } from './moment.ts';
import { cut, safe, wrap } from './terminal.ts';

const MOST = 6;

/** One paragraph per item under a common label; the label stands once. */
export function list(label: string, items: readonly string[], style: Style): readonly string[] {
  const more = items.length > MOST ? [`and ${items.length - MOST} more (-o json has all)`] : [];
  const lines = [...items.slice(0, MOST), ...more].flatMap((item, i) => paragraph(i === 0 ? label : '', item, style));
  return lines.length === 0 ? [] : ['', ...lines];
}

/** Those that fire first. One that is over and matches nothing is of no use to anyone. */
export function showAlerts({ alerts }: Explanation, style: Style): readonly string[] {
  const shown = alerts.filter(({ alert, clients }) => alert.status === 'firing' || clients.length > 0);
  const items = shown
    .toSorted((a, b) => Number(b.alert.status === 'firing') - Number(a.alert.status === 'firing'))
    .map(({ alert, clients }) => {
      const { startsAt, endsAt, status, name, labels } = alert;
      const at = status === 'resolved' ? endsAt : startsAt;
      const when = at === null ? '' : `${status === 'resolved' ? ' at' : ' since'} ${showMoment(at, style.now)} UTC`;
      const about = clients.length > 0 ? `about ${clients.map((i) => i + 1).join(', ')} above` : nothingMatches(labels);
      return `${name ?? 'an alert'} ${status}${when}: ${about}.`;
    });
  return list('ALERTS', items, style);
}

function nothingMatches(labels: ReadonlyMap<string, string>): string {
  const [namespace, deployment, pod] = ['namespace', 'deployment', 'pod'].map((name) => labelOf(labels, name));
  const name = pod === '' && deployment !== '' ? `deploy/${plainName(deployment, 'NAME')}` : plainName(pod, 'POD');
  const command = `kubectl logs -n ${plainName(namespace, 'NAMESPACE')} ${name} -c linkerd-proxy --since=15m`;
  return `nothing that was read matches it. Its log tells more: ${command}`;
}

export function showSymptoms({ symptoms }: Explanation, style: Style): readonly string[] {
  const groups = Map.groupBy(symptoms, ({ kind, sample, reporter }) =>
    JSON.stringify([kind, sample.complaint ?? sample.peer?.service ?? null, reporter.workload?.name ?? reporter.serviceAccount]),
  );
  return list(
    'SEEN TOO',
    [...groups.values()].map((group) => showGroup(group, style)),
    style,
  );
}

/** The same trouble of several proxies. */
function showGroup(group: readonly TallySymptom[], style: Style): string {
  const [sample] = group as [TallySymptom];
  const count = group.reduce((sum, s) => sum + s.count, 0);
  const path = group.find((s) => s.sample.request?.path != null)?.sample.request?.path ?? undefined;
  const [first, last] = [
    group.reduce<number | null>((t, s) => earlier(t, s.first), null),
    group.reduce<number | null>((t, s) => later(t, s.last), null),
  ];
  const times = first === null || last === null ? '' : `, ${showSpan(first, last, style.now)}`;
  const pods = [...new Set(group.map((s) => s.reporter.pod).filter((pod) => pod !== null))];
  const where = pods.length === 0 ? '' : pods.length === 1 ? ` (${pods[0]})` : ` (${pods.length} pods)`;
  return `${SYMPTOM_WORDS[sample.kind]}${count > 1 ? `, ${count.toLocaleString('en')} times` : ''}${times}${where}: ${path === undefined ? '' : `${safe(path)}: `}${cut(safe(sample.detail), 160)}`;
}

export function showNotices(
  explanation: Explanation,
  notices: readonly Notice[],
  logs: readonly LogRead[],
  style: Style,
): readonly string[] {
  const items = [
    ...logs.flatMap(unparsed),
    ...explanation.unplaced.map(({ sources, fits }) => {
      const shown = fits.slice(0, 3).map(showPlace).join(', ');
      return `${sources.join(', ')}: cannot tell whose log this is${fits.length === 0 ? '' : `; it fits ${shown}`}.`;
    }),
    ...(explanation.uncounted > 0 ? [`${explanation.uncounted.toLocaleString('en')} denials found no room and are not listed.`] : []),
    ...notices.map(({ where, message }) => (where === '' ? message : `${where}: ${message}`)),
  ];
  return list('NOTED', items, style);
}

function unparsed({ name, stats }: LogRead): readonly string[] {
  const [sample] = stats.samples;
  if (sample === undefined) return [];
  const lines = stats.unparsed === 1 ? '1 line of' : `${stats.unparsed.toLocaleString('en')} lines of`;
  const more = stats.oversized > 0 ? ` (${stats.oversized} of them too long)` : '';
  return [`${lines} ${name} could not be read${more}. The first is ${sample.line}: ${cut(safe(sample.text), 100)}`];
}

/** Where nothing was denied: what was read instead. */
export function showNothingDenied(explanation: Explanation, logs: readonly LogRead[], asked: string, style: Style): readonly string[] {
  const read = logs.reduce((sum, { stats }) => sum + stats.lines, 0);
  const about = logs.reduce((sum, { stats }) => sum + stats.parsed, 0);
  const lines =
    read === 0
      ? ''
      : ` in ${read.toLocaleString('en')} lines of ${logs
          .map((l) => l.name)
          .slice(0, 3)
          .join(', ')} (${about.toLocaleString('en')} about policy)`;
  const allowed = explanation.allowedSeen;
  const seen =
    allowed > 0
      ? `Allowed traffic was seen: ${allowed.toLocaleString('en')} requests or connections.`
      : 'No allowed traffic was seen either (logs tell of it at level debug only; counters do).';
  return [safe(`No denials${lines}${asked}.`), seen, ...resolvedAlerts(explanation)].flatMap((text) => wrap(text, style.columns));
}

/** Where no evidence could be read: silence is no answer. */
export function showNotKnown(asked: string, style: Style): readonly string[] {
  return wrap(safe(`Whether anything was denied${asked} is not known: no log and no counter could be read.`), style.columns);
}

/** Those that are left out above: somebody who gave an alert wants to know that it was read. */
function resolvedAlerts({ alerts }: Explanation): readonly string[] {
  const count = alerts.filter(({ alert, clients }) => alert.status === 'resolved' && clients.length === 0).length;
  if (count === 0) return [];
  const what = count === 1 ? '1 alert was read that is resolved' : `${count.toLocaleString('en')} alerts were read that are resolved`;
  return [`${what}: the log or the counters of that time would tell what was denied.`];
}

const ORIGIN_WORDS: Readonly<Record<SettingOrigin, string>> = {
  'policy-container-args': 'from the arguments of container policy',
  'linkerd-config': 'from ConfigMap linkerd-config',
  flag: 'from the command line',
  'linkerd-default': 'assumed: Linkerd’s default (the input holds no linkerd-config)',
};

/** Settings that took part in a decision. */
function settingsThatMattered({ clients }: Explanation, info: ClusterSettings['info']): ReadonlySet<keyof ClusterSettings['origins']> {
  const used = new Set<keyof ClusterSettings['origins']>();
  for (const target of clients.flatMap((c) => c.targets)) for (const setting of usedBy(target, info)) used.add(setting);
  return used;
}

function* usedBy({ evaluation }: TargetExplanation, info: ClusterSettings['info']): Iterable<keyof ClusterSettings['origins']> {
  if (evaluation === null) return;
  const { policy, considered } = evaluation;
  if (policy.server === null && policy.defaultPolicy.from === 'cluster-default') yield 'defaultPolicy';
  for (const { authorization, network } of considered) {
    const isOfCluster = authorization.object?.kind === 'ServerAuthorization' || authorization.ref.name.startsWith('cluster-');
    if (isOfCluster && network.match === 'no') yield 'clusterNetworks';
  }
  // A client of another trust domain or control plane is one by these settings only.
  const { tls } = evaluation.connection;
  const identity = tls?.state === 'established' && tls.clientId !== null ? parseIdentity(tls.clientId) : null;
  if (identity !== null && identity.trustDomain !== info.identityTrustDomain) yield 'identityTrustDomain';
  if (identity !== null && identity.controlPlaneNamespace !== info.controlPlaneNamespace) yield 'controlPlaneNamespace';
}

export function showSettings(explanation: Explanation, settings: ClusterSettings | null, style: Style): readonly string[] {
  if (settings === null) return [];
  const { info, origins } = settings;
  const byOrigin = new Map<SettingOrigin, string[]>();
  for (const key of settingsThatMattered(explanation, info)) {
    const value = key === 'clusterNetworks' || key === 'probeNetworks' ? info[key].map((net) => net.text).join(', ') : info[key];
    byOrigin.set(origins[key], [...(byOrigin.get(origins[key]) ?? []), `${SETTING_NAMES[key]} ${value}`]);
  }
  return list(
    'SETTINGS',
    [...byOrigin].map(([origin, values]) => `${values.join('; ')}: ${ORIGIN_WORDS[origin]}.`),
    style,
  );
}

/** By their names on the command line, without the dashes. */
const SETTING_NAMES: Readonly<Record<keyof ClusterSettings['origins'], string>> = {
  defaultPolicy: 'default-inbound-policy',
  clusterNetworks: 'cluster-networks',
  probeNetworks: 'probe-networks',
  identityTrustDomain: 'trust-domain',
  clusterDomain: 'cluster-domain',
  controlPlaneNamespace: 'control-plane-namespace',
  opaquePorts: 'opaque-ports',
};
