/**
 * NetworkPolicy lets exactly this client through to the port that goes over the wire. What is proved is what NetworkPolicy says of it; which client
 * may use which port of the application is for policies of Linkerd to say, as before.
 */
import { type NetworkChange, networkChanges } from '../access/network-matrix.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { type NetworkAnswer, networkAnswer } from '../policy/network-answer.ts';
import type { NetworkSide } from '../policy/network-verdict.ts';
import { listOf } from '../policy/reading.ts';
import { groupOf, type ObjectRef, type Resource, showRef } from '../policy/resource.ts';
import { readSelector, selects } from '../policy/selector.ts';
import { findResource, type Snapshot, withChanges } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { type Files, toChange } from './change.ts';
import { narrowest, specOf, withSpec } from './objects.ts';
import { selectorOf } from './pod-labels.ts';
import type { Newcomer, Proof, Remedy, WayOut } from './remedy.ts';

/** One connection that does not get through. */
export interface Blocked {
  readonly snapshot: Snapshot;
  /** null: no pod is known to be the client. */
  readonly client: Workload | null;
  readonly clientIp: string | null;
  readonly server: Workload;
  /** The application's. */
  readonly port: number;
}

/** null: no NetworkPolicy stops it. */
export function openInboundPort(blocked: Blocked, files: Files): WayOut | null {
  const answer = answerIn(blocked, blocked.snapshot);
  if (answer?.verdict.verdict !== 'deny') return null;
  const { egress, ingress } = answer.verdict;
  const stopped = [egress, ingress].filter(({ verdict }) => verdict === 'deny');
  const changed = stopped.map((side) => changeOf(blocked, side, answer.wire.port));
  const remedy = changed.includes(null)
    ? null
    : remedyOf(
        blocked,
        changed.flatMap((one) => one ?? []),
        answer.wire.port,
        files,
      );
  if (remedy !== null) return { verdict: 'fix', reasons: [], remedies: [remedy] };
  const names = stopped.flatMap(({ policies }) => policies).map(showRef);
  return {
    verdict: 'decide',
    reasons: [`No change beside ${names.join(', ')} could be proved to let this client alone through.`],
    remedies: [],
  };
}

function answerIn({ client, clientIp, server, port }: Blocked, snapshot: Snapshot): NetworkAnswer | null {
  return networkAnswer(snapshot, { client, clientIp, tls: null, server, port, policy: inboundServer(snapshot, server, port) });
}

/** Another rule of the policy that stops it; where that one takes in more than these pods, a policy of their own. null: they cannot be told apart. */
function changeOf({ snapshot, client, clientIp, server }: Blocked, side: NetworkSide, port: number): Resource | null {
  const isIngress = side.direction === 'ingress';
  const subject = isIngress ? server : client;
  const peer = isIngress ? peerOf(snapshot, server, client, clientIp) : peerOf(snapshot, client, server, server.ips[0] ?? null);
  if (subject === null || peer === null) return null;
  const rule = { [isIngress ? 'from' : 'to']: [peer], ports: [{ protocol: 'TCP', port }] };
  const [stands] = side.policies.flatMap((ref) => findResource(snapshot, ref) ?? []).filter((one) => isOfPods(one, subject, side));
  if (stands === undefined) return policyFor(snapshot, subject, side, rule);
  const spec = specOf(stands);
  return withSpec(stands, { ...spec, [side.direction]: [...listOf(spec[side.direction]), rule] });
}

/** It names pods, and lets somebody through to them: one that stops a whole namespace stays as it is. */
function isOfPods(policy: Resource, { labels }: Workload, { direction }: NetworkSide): boolean {
  const spec = specOf(policy);
  const selector = readSelector(spec['podSelector'] ?? {});
  const isNamed = selector !== null && selector.matchLabels.length + selector.matchExpressions.length > 0;
  return isNamed && selects(selector, labels) && listOf(spec[direction]).length > 0;
}

function policyFor(snapshot: Snapshot, subject: Workload, { direction }: NetworkSide, rule: object): Resource | null {
  const matchLabels = selectorOf(snapshot, subject);
  if (matchLabels === null) return null;
  const { namespace } = subject.ref;
  const name = freeName(snapshot, namespace, `${Object.values(matchLabels)[0] ?? ''}-${direction}-linkerd-proxy`);
  const spec = { podSelector: { matchLabels }, policyTypes: [direction === 'ingress' ? 'Ingress' : 'Egress'], [direction]: [rule] };
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace }, spec };
}

/** Of a label's value, which may hold more than a name may. */
function freeName(snapshot: Snapshot, namespace: string, text: string): string {
  const wanted = text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+/, '');
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : `${wanted}-${n}`;
    if (findResource(snapshot, { group: 'networking.k8s.io', kind: 'NetworkPolicy', namespace, name }) === null) return name;
  }
}

/** Pods of the workload; where they cannot be told from others, the one address. null: it is not known. */
function peerOf(snapshot: Snapshot, subject: Workload | null, other: Workload | null, ip: string | null): object | null {
  const matchLabels = other === null ? null : selectorOf(snapshot, other);
  if (other === null || matchLabels === null) {
    const cidr = ip === null ? null : narrowest(ip);
    return cidr === null ? null : { ipBlock: { cidr } };
  }
  const { namespace } = other.ref;
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  return { ...(namespace === subject?.ref.namespace ? {} : { namespaceSelector }), podSelector: { matchLabels } };
}

/** null: it is not let through by them, somebody else is shut out, or there are too many pods to say who is let through. */
function remedyOf(blocked: Blocked, applied: readonly Resource[], port: number, files: Files): Remedy | null {
  const { snapshot, client, clientIp, server } = blocked;
  const changes = applied.map((apply) => ({ apply }));
  const after = withChanges(snapshot, changes);
  if (answerIn(blocked, after)?.verdict.verdict !== 'allow') return null;
  const others = networkChanges(snapshot, after);
  if (others === null || others.some((one) => one.after === 'deny')) return null;
  const names = applied.map(({ apiVersion, kind, metadata: { namespace, name } }) =>
    showRef({ group: groupOf(apiVersion), kind, namespace, name } satisfies ObjectRef),
  );
  return {
    id: 'open-inbound-port',
    title: `Let TCP ${port} through from ${client === null ? clientIp : showRef(client.ref)} to ${showRef(server.ref)} in ${names.join(' and ')}.`,
    changes: changes.map((change) => toChange(snapshot, change, files)),
    steps: [{ text: 'Policies of Linkerd decide from there on.', command: null }],
    widens: null,
    tightens: null,
    proof: proofOf(blocked, others),
  };
}

/** Only the port over the wire is told apart by NetworkPolicy: the client is let through to all ports of the application behind it. */
function proofOf({ client, server, port }: Blocked, others: readonly NetworkChange[]): Proof {
  const isClient = ({ who }: NetworkChange) =>
    client !== null &&
    'namespace' in who &&
    who.namespace === client.ref.namespace &&
    (who.type === 'service-account' ? who.name : who.serviceAccount) === client.serviceAccount &&
    (who.type === 'service-account') === client.meshed;
  const isAsked = (one: NetworkChange) =>
    one.port === port && one.server.ref.namespace === server.ref.namespace && isAlike(one.server, server);
  return {
    verdict: 'allow',
    route: null,
    clientToo: others.filter((one) => isClient(one) && !isAsked(one)).map(newcomer),
    newlyIn: others.filter((one) => !isClient(one)).map(newcomer),
    shutOut: [],
  };
}

function isAlike(a: Workload, b: Workload): boolean {
  return a.serviceAccount === b.serviceAccount && JSON.stringify(a.ports) === JSON.stringify(b.ports);
}

function newcomer({ who, server, port }: NetworkChange): Newcomer {
  return { who, namespace: server.ref.namespace, pods: 1, port, server: null, requests: ['connections, as far as NetworkPolicy goes'] };
}
