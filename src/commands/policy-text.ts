/** What is enforced, for a person at a terminal. */
import type { EnforcedPort, NetworkRules, StandingCaller, WireRule } from '../access/enforced.ts';
import type { PendingChange } from '../access/rollout.ts';
import { OTHER, type WhoMay, whoMay } from '../access/who-may.ts';
import { showWorkload } from '../evidence/missing.ts';
import type { AuthorizationRef, InboundServer } from '../policy/inbound.ts';
import { showRef } from '../policy/resource.ts';
import type { SettingOrigin } from '../policy/settings.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { showNear, showProtocol } from '../policy/wording.ts';
import type { PostureWorkload } from '../posture/practice.ts';
import { tableLines } from './table.ts';
import { type Palette, safe, wrap } from './terminal.ts';

export interface PolicyStyle {
  readonly columns: number;
  readonly palette: Palette;
  /** Whole identities, what routes take, and the authentications behind an authorization. */
  readonly isWide: boolean;
  /** Where the cluster's own default policy is known from. */
  readonly defaultOrigin: SettingOrigin;
}

/** One workload, port by port. */
export function showWorkloadPolicy(snapshot: Snapshot, workload: PostureWorkload, style: PolicyStyle): readonly string[] {
  const { ref, pods, ports } = workload;
  const pod = ref.kind === 'Pod' || ref.kind === 'ExternalWorkload' ? '' : `, ${countPods(pods.length)}`;
  const head = style.palette.bold(safe(`${showWorkload(ref)} in ${ref.namespace}${pod}`));
  const pending = workload.pending.flatMap((one) => para(`✗ not rolled out: ${pendingWords(one, pods.length)}`, style, ''));
  if (ports.length === 0) return [head, ...para('– not meshed: no proxy stands here, so Linkerd refuses nobody.', style, ''), ...pending];
  return [
    head,
    ...ports.flatMap((port) => ['', ...portLines(snapshot, workload, port, style)]),
    '',
    ...para(`default for other ports: ${defaultWords(workload, style)}`, style, ''),
    ...pending,
  ];
}

/** Every workload, one line per port. */
export function showPolicyTable(snapshot: Snapshot, workloads: readonly PostureWorkload[], style: PolicyStyle): readonly string[] {
  const hasNamespaces = new Set(workloads.map(({ ref }) => ref.namespace)).size > 1;
  const head = [
    ...(hasNamespaces ? ['NAMESPACE'] : []),
    ...['WORKLOAD', 'PORT', 'PROTOCOL', 'ENFORCED', 'WHO MAY'],
    ...(style.isWide ? ['BY', 'NETWORKPOLICY', 'PODS'] : []),
  ];
  const rows = workloads.flatMap((workload) => {
    const { ref, ports, pods } = workload;
    const before = [...(hasNamespaces ? [ref.namespace] : []), showWorkload(ref)];
    if (ports.length === 0) return [[...before, '–', '–', 'not meshed', 'anyone', ...(style.isWide ? ['', '', `${pods.length}`] : [])]];
    return ports.map((port) => [...before, ...portCells(snapshot, workload, port, style)]);
  });
  // As kubectl does: a row is one line, however long it is.
  const lines = tableLines([head, ...rows.map((row) => row.map(safe))], Number.POSITIVE_INFINITY);
  const pending = workloads.filter((workload) => workload.pending.length > 0);
  return [
    ...lines,
    ...pending.flatMap(({ ref, pending: [first] }) =>
      first === undefined ? [] : para(`✗ ${showWorkload(ref)} is not rolled out: ${pendingWords(first, null)}`, style, ''),
    ),
  ];
}

function portCells(snapshot: Snapshot, { ref }: PostureWorkload, port: EnforcedPort, style: PolicyStyle): readonly string[] {
  const rows = whoMay(snapshot, ref.namespace, port.policy);
  const who = [...new Set(rows.flatMap((row) => (row.authorization?.ref.name === 'probe' ? [] : row.who.map((name) => from(name, row)))))];
  const by = [...new Set(rows.flatMap(({ authorization }) => (authorization === null ? [] : [authorization.ref.name])))];
  const shown = who.length > 3 && !style.isWide ? [...who.slice(0, 3), `${who.length - 3} more`] : who;
  return [
    showPortName(port),
    showProtocol(port.policy.protocol),
    enforcedBy(port.policy),
    shown.length === 0 ? 'nobody' : shown.join(', '),
    ...(style.isWide ? [by.join(', '), port.network?.policies.map(({ name }) => name).join(', ') ?? '', `${port.pods.length}`] : []),
  ];
}

function portLines(snapshot: Snapshot, { ref, pods }: PostureWorkload, port: EnforcedPort, style: PolicyStyle): readonly string[] {
  const { policy } = port;
  const some = port.pods.length === pods.length ? [] : [`on ${port.pods.map((pod) => pod.ref.name).join(', ')}`];
  const declared = port.names.length > 0 || port.port === 4191 ? [] : ['no container names it'];
  const head = [showPortName(port), showProtocol(policy.protocol), enforcedBy(policy), ...some, ...declared].join('  ');
  const rows = whoMay(snapshot, ref.namespace, policy);
  const table = rows.map((row) => [routeCell(row, style), whoCell(row), byCell(row, policy, style)].map(safe));
  return [
    style.palette.bold(safe(head)),
    ...tableLines([['ROUTE', 'WHO MAY', 'BY'], ...table], style.columns, '  '),
    ...remarks(port).flatMap((remark) => para(remark, style)),
  ];
}

function remarks({ policy, near, network, callers }: EnforcedPort): readonly string[] {
  const { rejectedByProxy, overshadowed, rateLimit } = policy;
  return [
    ...(rejectedByProxy === null ? [] : [`✗ the proxy cannot use this policy and refuses everyone: ${rejectedByProxy}`]),
    ...overshadowed.map((server) => `✗ ${server.kind} ${server.name} selects the port too, but is younger (or later by name): no effect`),
    ...near.map((server) => `– ${showNear(server)}`),
    ...(rateLimit === null ? [] : [`– rate limit ${rateLimit.ref.name}: ${limitWords(rateLimit)}`]),
    ...callers.map(callerWords),
    ...(network === null ? [] : [networkWords(network)]),
  ];
}

function limitWords({ total, identity, overrides }: NonNullable<InboundServer['rateLimit']>): string {
  const parts = [
    ...(total === null ? [] : [`${total} requests/s in all`]),
    ...(identity === null ? [] : [`${identity}/s for each identity`]),
    ...(overrides.length === 0 ? [] : [`${overrides.length} with limits of their own`]),
  ];
  return `${parts.join(', ')}, in each pod`;
}

/** `probe GET /health from node 10.0.0.7: yes, by backend-health-authz`. */
function callerWords({ who, name, request, answer, route, by, isNetwork }: StandingCaller): string {
  const mark = { yes: '✓', no: '✗', undecided: '?' }[answer];
  const what = `${who === 'kubelet' ? 'probe' : 'scrape'} ${request} from ${name}`;
  if (isNetwork) return `${mark} ${what}: no, NetworkPolicy refuses it where it is enforced`;
  const on = route === null || route === 'default' ? '' : ` on route ${route}`;
  if (answer === 'yes') return `${mark} ${what}: yes${by === null ? '' : `, by ${authorizationName(by)}`}${on}`;
  if (answer === 'undecided') return `${mark} ${what}: depends on the address, which is not known`;
  return `${mark} ${what}: no${route === null ? ', no route takes it (404)' : `${on}, nothing there lets it in (403)`}`;
}

function networkWords({ policies, meshed, direct }: NetworkRules): string {
  const rule = ({ port, peers }: WireRule) => `${port} from ${peers.length === 0 ? 'nobody' : peers.join(' or ')}`;
  const names = policies.map(({ name }) => name).join(', ');
  const open = meshed.port === direct.port ? rule(direct) : `${rule(meshed)} (callers with a proxy), ${rule(direct)} (without)`;
  return `– NetworkPolicy ${names}, where it is enforced, lets in: ${open}`;
}

function routeCell({ route, takes, authorization }: WhoMay, { isWide }: PolicyStyle): string {
  if (route === '') return 'any request';
  if (route === OTHER) return 'any other';
  const isProbe = authorization?.ref.name === 'probe';
  return isWide || isProbe ? `${route}: ${takes.join(', ')}` : route;
}

function whoCell(row: WhoMay): string {
  if (row.refusal !== null) return `nobody (${row.refusal})`;
  return from(row.who.length === 0 ? 'nobody' : row.who.join(', '), row);
}

function from(who: string, row: WhoMay): string {
  return row.from.length === 0 ? who : `${who} from ${row.from.join(', ')}`;
}

function byCell({ authorization }: WhoMay, policy: InboundServer, { isWide }: PolicyStyle): string {
  if (authorization === null) return policy.server === null ? `default ${policy.defaultPolicy.policy}` : '';
  const { object, via, ref } = authorization;
  if (!isWide || object === null) return authorizationName(ref, policy.server !== null);
  const { namespace } = object;
  return [object, ...via].map((one) => (one.namespace === namespace ? `${one.kind} ${one.name}` : showRef(one))).join(' → ');
}

/** `isServers`: what is no object comes from the Server's accessPolicy. */
function authorizationName({ kind, name }: AuthorizationRef, isServers = false): string {
  if (kind !== 'default') return name;
  if (name === 'probe' || name === 'localhost') return `Linkerd (${name})`;
  return isServers ? `accessPolicy ${name}` : `default ${name}`;
}

function enforcedBy({ server, ref }: InboundServer): string {
  return server === null ? `default ${ref.name}` : `Server ${server.name}`;
}

function showPortName({ port, names }: EnforcedPort): string {
  return names.length === 0 ? `${port}` : `${names.join(', ')} (${port})`;
}

const ORIGIN: Readonly<Record<SettingOrigin, string>> = {
  'policy-container-args': 'the cluster’s: argument of the policy controller',
  'linkerd-config': 'the cluster’s: ConfigMap linkerd-config',
  flag: 'the cluster’s: as the command line says',
  'linkerd-default': 'Linkerd’s own default: these objects do not say what the cluster’s is',
};

function defaultWords({ defaults, ref }: PostureWorkload, { defaultOrigin }: PolicyStyle): string {
  if (defaults === null) return 'none';
  const annotation = 'annotation config.linkerd.io/default-inbound-policy';
  const from = {
    pod: `${annotation} of the pod`,
    template: `${annotation} in the template of ${showWorkload(ref)}`,
    namespace: `${annotation} of namespace ${ref.namespace}, which the pod got when it was made`,
    cluster: ORIGIN[defaultOrigin],
  }[defaults.source];
  return `${defaults.policy}  (${from})`;
}

function pendingWords({ change, pods }: PostureWorkload['pending'][number], all: number | null): string {
  const some = all === null || pods === all ? '' : ` (${pods} of ${countPods(all)})`;
  return `${showPending(change)}${some}; a restart brings it.`;
}

/** What the owner or the namespace asks for, and what the pod has. */
export function showPending({ what, key, now, next, by }: PendingChange): string {
  const who = by === 'template' ? 'the template' : 'the namespace';
  if (what === 'injection') return `${who} asks for a proxy (${key}: enabled), and the pod has none`;
  const has = now === null ? 'has none' : `has ${now}`;
  return next === null ? `${who} no longer has ${what} ${key}, and the pod ${has}` : `${who} says ${key}: ${next}, and the pod ${has}`;
}

function countPods(n: number): string {
  return `${n} ${n === 1 ? 'pod' : 'pods'}`;
}

function para(text: string, { columns }: PolicyStyle, indent = '  '): readonly string[] {
  return wrap(safe(text), columns, `${indent}  `, indent);
}
