/** The answer as data for other programs. docs/explain.md documents the shape; a field is added, never renamed. */
import type { DenialKind } from '../evidence/facts.ts';
import type { ClientExplanation, Explanation, TargetExplanation, Trouble } from '../explain.ts';
import { showYaml } from '../manifests/yaml-show.ts';
import type { ClusterSettings } from '../policy/cluster-settings.ts';
import type { Considered } from '../policy/evaluation.ts';
import type { Network } from '../policy/network.ts';
import { type NetworkSide, showConsideredRule } from '../policy/network-verdict.ts';
import type { Instant } from '../policy/resource.ts';
import { showInstant } from '../policy/time.ts';
import { requiredIdentities, requiredNetworks, showExcluded, showNear, showProtocol, showReasons } from '../policy/wording.ts';
import { changedData } from './explain-changed.ts';
import { findingData } from './explain-findings.ts';
import { numberedRemedies, numberIn, wayOutData } from './explain-remedies.ts';
import type { Answer } from './explain-report.ts';

/** JSON (a value and a line feed) or one YAML document. Neither holds a character that a terminal obeys. */
export function showData(answer: Answer, form: 'json' | 'yaml'): string {
  const data = dataOf(answer);
  return form === 'yaml' ? showYaml(data) : showJson(data);
}

/** Without a character that a terminal obeys. */
export function showJson(data: unknown): string {
  return `${escaped(JSON.stringify(data, null, 2))}\n`;
}

const NOT_INERT = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/** Such characters stand in texts only, where JSON takes escapes. */
function escaped(json: string): string {
  return json.replace(NOT_INERT, (c) =>
    [...Array(c.length).keys()].map((i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  );
}

export function dataOf({ explanation, question, logs, sources = [], notices, settings }: Answer) {
  const numberOf = numberIn(numberedRemedies(explanation));
  return {
    form: 'denywhy.explain/1',
    question: { ...question, at: time(question.at) },
    clients: explanation.clients.map((client) => clientData(client, numberOf)),
    alerts: explanation.alerts.map(alertData),
    troubles: explanation.troubles.map((trouble) => troubleData(trouble, numberOf)),
    standing: explanation.standing.map(findingData),
    ...ofStanding('repairs', explanation, numberOf),
    ...ofStanding('tightenings', explanation, numberOf),
    symptoms: explanation.symptoms.map(symptomData),
    unplaced: explanation.unplaced,
    allowedSeen: explanation.allowedSeen,
    uncounted: explanation.uncounted,
    settings: settings === null ? null : settingsData(settings),
    ...(sources.length === 0 ? {} : { sources }),
    logs: logs.map(({ name, stats }) => ({ name, ...stats })),
    notices,
  };
}

function time(at: Instant | null): string | null {
  return at === null ? null : showInstant(at);
}

/** One client, as it stands in the list of them. */
export function clientData({ client, tls, ips, counts, before, first, last, targets }: ClientExplanation, numberOf: NumberOf = () => null) {
  const { serviceAccount, identity, workload, node, meshed } = client;
  const byKind: Partial<Record<DenialKind, number>> = counts;
  return {
    client: { serviceAccount, identity, workload, tls, ips, node, meshed },
    counts: byKind,
    before,
    first: time(first),
    last: time(last),
    targets: targets.map((target) => targetData(target, numberOf)),
  };
}

type NumberOf = ReturnType<typeof numberIn>;

function targetData(target: TargetExplanation, numberOf: NumberOf) {
  const {
    kind,
    namespace,
    workload,
    serviceAccount,
    pods,
    port,
    portName,
    admin,
    server,
    route,
    count,
    before,
    countedBy,
    ips,
    requests,
    sources,
  } = target;
  const { decision, evaluation, agrees, now, missing } = target;
  return {
    kind,
    namespace,
    workload,
    serviceAccount,
    pods,
    port,
    portName,
    admin,
    server,
    route,
    count,
    before,
    countedBy,
    first: time(target.first),
    last: time(target.last),
    ips,
    requests,
    sources,
    decision,
    findings: target.findings.map(findingData),
    verdict: evaluation?.verdict ?? null,
    undecidedFor: evaluation?.missing ?? [],
    agrees,
    evaluatedAt: time(target.evaluatedAt),
    policy: policyData(target),
    considered: evaluation?.considered.map(consideredData) ?? [],
    excluded: target.excluded.map((e) => ({ ...e, message: showExcluded(e) })),
    networkPolicy: networkData(target),
    now: now === null ? null : { verdict: now.verdict, since: time(now.since) },
    changed: changedData(target.changed),
    wayOut: wayOutData(target.wayOut, numberOf),
    missing,
  };
}

function troubleData({ client, destination, findings, wayOut }: Trouble, numberOf: NumberOf) {
  const who = client === null ? null : { key: client.key, workload: client.workload, serviceAccount: client.serviceAccount, ip: client.ip };
  return {
    client: who,
    destination: destination === null ? null : { dialled: destination.dialled, service: destination.service },
    findings: findings.map(findingData),
    wayOut: wayOutData(wayOut, numberOf),
  };
}

/** `standing`: index into that list. */
function ofStanding(list: 'repairs' | 'tightenings', { standing, [list]: ways }: Explanation, numberOf: NumberOf) {
  if (ways.length === 0) return {};
  return { [list]: ways.map(({ finding, wayOut }) => ({ standing: standing.indexOf(finding), wayOut: wayOutData(wayOut, numberOf) })) };
}

function policyData({ evaluation, nearServers, unattachedRoutes }: TargetExplanation) {
  if (evaluation === null) return null;
  const { ref, server, protocol, overshadowed, rejectedByProxy, defaultPolicy, routes, rateLimit } = evaluation.policy;
  return {
    ref,
    server,
    protocol: showProtocol(protocol),
    overshadowed,
    rejectedByProxy,
    defaultPolicy: { ...defaultPolicy, applies: server === null },
    routes: routes?.map((r) => r.ref) ?? null,
    unattachedRoutes,
    nearServers: nearServers.map((n) => ({ ...n, message: showNear(n) })),
    rateLimit: rateLimit?.object ?? null,
  };
}

function consideredData({ authorization, applies, network, authentication }: Considered) {
  const { ref, object, via } = authorization;
  return {
    authorization: { ref, object, via },
    applies,
    required: { identities: requiredIdentities(authorization), networks: requiredNetworks(authorization) },
    authentication,
    network:
      network.match === 'no'
        ? { match: 'no', exceptedBy: textOf(network.exceptedBy) }
        : network.match === 'yes'
          ? { match: 'yes', by: network.by.net.text }
          : network,
    reason: showReasons(network, authentication),
  };
}

function textOf(network: Network | null): string | null {
  return network === null ? null : network.text;
}

/** The request arrived, whatever it says: where it says deny, it is not enforced on this path. */
function networkData({ network }: TargetExplanation) {
  if (network === null) return null;
  const { verdict, wire } = network;
  return {
    verdict: verdict.verdict,
    missing: verdict.missing,
    holdsOnlyWhereEnforced: verdict.holdsOnlyWhereEnforced,
    notEnforcedHere: verdict.verdict === 'deny',
    wire,
    egress: sideData(verdict.egress),
    ingress: sideData(verdict.ingress),
  };
}

function sideData({ direction, verdict, exempt, policies, considered }: NetworkSide) {
  const rules = considered.map((rule) => ({
    policy: rule.policy,
    rule: rule.rule,
    match: rule.match,
    message: showConsideredRule(direction, rule),
  }));
  return { verdict, exempt, policies, rules };
}

function alertData({ alert, clients }: Explanation['alerts'][number]) {
  const { name, status, startsAt, endsAt, fingerprint, labels, selects } = alert;
  return {
    name,
    status,
    startsAt: time(startsAt),
    endsAt: time(endsAt),
    fingerprint,
    labels: Object.fromEntries(labels),
    selects,
    clients,
  };
}

function symptomData({ kind, reporter, port, detail, count, first, last, sample }: Explanation['symptoms'][number]) {
  const { client, peer = null, request = null, complaint = null, source } = sample;
  return { kind, reporter, port, detail, count, first: time(first), last: time(last), client, peer, request, complaint, source };
}

function settingsData({ info, origins, transport }: ClusterSettings) {
  const { clusterNetworks, probeNetworks, ...rest } = info;
  const values = { ...rest, clusterNetworks: clusterNetworks.map((n) => n.text), probeNetworks: probeNetworks.map((n) => n.text) };
  const keys = Object.keys(origins) as (keyof typeof origins)[];
  const settings = Object.fromEntries(keys.map((key) => [key, { value: values[key], origin: origins[key] }]));
  return { ...settings, outboundTransportMode: { value: transport.mode, origin: transport.origin } };
}
