/**
 * Pods are not ready because the kubelet's probes do not get in, by their version of HTTP or by policy: the kubelet is let in on them. Proved for each
 * pod that was dialled: what it gets beside its probes is said, and whether the client itself gets through then.
 */
import { callerOfPod, can } from '../access/can.ts';
import type { RemedyId } from '../diagnoses/finding.ts';
import { mismatchedProbes, type RefusedProbe, refusedProbes } from '../diagnoses/probes.ts';
import type { TroubleExplanation } from '../diagnoses/troubles.ts';
import type { DialledPod } from '../evidence/destination.ts';
import type { Evaluation } from '../policy/evaluation.ts';
import { excludedPolicies, nearServers, unattachedRoutes } from '../policy/excluded.ts';
import { showRef } from '../policy/resource.ts';
import { findWorkload, type Snapshot, withChanges } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { admitNodes } from './admit-nodes.ts';
import type { Files } from './change.ts';
import type { Asking, Candidate, Kind } from './plea.ts';
import { probeRoute, withProbeRoute } from './probe-route.ts';
import type { Proving } from './proof.ts';
import { proved } from './proved.ts';
import type { Remedy, Step, WayOut } from './remedy.ts';
import { repairProtocol } from './repair-protocol.ts';

const KINDS: readonly Kind<Asking>[] = [repairProtocol, probeRoute, admitNodes];

interface Around {
  readonly snapshot: Snapshot;
  readonly seen: Proving['denied']['seen'];
  readonly files: Files;
}

/** `ids`: what the finding names. null: that is nothing of these, or nobody knows the pods. */
export function admitProbes(
  { client, destination }: Pick<TroubleExplanation, 'client' | 'destination'>,
  ids: readonly RemedyId[],
  { snapshot, seen, files }: Around,
): WayOut | null {
  const dialled = (destination?.pods ?? []).map((one) => ({ ...one, pod: inForce(snapshot, one.pod) }));
  const kinds = KINDS.filter(({ id }) => ids.includes(id));
  if (dialled.length === 0 || kinds.length === 0) return null;
  const [first] = dialled.flatMap(({ pod }) => shutOutProbes(snapshot, pod).map((refused) => ({ pod, refused })));
  if (first === undefined)
    return { verdict: 'nothing-to-do', reasons: ['The policy in force now lets the kubelet’s probes in.'], remedies: [] };
  const plea = pleaOf(snapshot, first.pod, first.refused, seen);
  const remedies = kinds.flatMap((kind) => remediesOf(kind, plea, dialled, files));
  if (remedies.length === 0)
    return { verdict: 'decide', reasons: ['No change could be proved to let the kubelet’s probes in and to shut nobody out.'], remedies };
  const caller = client?.pod ?? null;
  const [best] = remedies;
  if (caller === null || best === undefined || getsThrough(applied(snapshot, best), caller, dialled))
    return { verdict: best?.widens == null ? 'fix' : 'decide', reasons: [], remedies };
  const reason = `The pods are then ready, and policy refuses ${showRef(caller.ref)} all the same: explain that denial then.`;
  return { verdict: 'decide', reasons: [reason], remedies };
}

/** The same pod as it is now. */
function inForce(snapshot: Snapshot, pod: Workload): Workload {
  return findWorkload(snapshot, pod.kind, pod.ref.namespace, pod.ref.name) ?? pod;
}

/** Those that keep the pod from being ready: a bare connection is taken by the proxy, and succeeds. */
function shutOutProbes(snapshot: Snapshot, pod: Workload): readonly RefusedProbe[] {
  const mismatched = mismatchedProbes(snapshot, pod);
  const refused = refusedProbes(snapshot, pod).filter(({ probe }) => probe.type !== 'tcpSocket');
  return [...mismatched, ...refused.filter(({ probe }) => !mismatched.some((other) => sameProbe(other.probe, probe)))];
}

function sameProbe(a: RefusedProbe['probe'], b: RefusedProbe['probe']): boolean {
  return a.port === b.port && a.path === b.path && a.type === b.type;
}

/** It is the kubelet that asks. */
function pleaOf(snapshot: Snapshot, pod: Workload, { probe: { port }, evaluation }: RefusedProbe, seen: Around['seen']): Proving {
  const { policy } = evaluation;
  const law = {
    evaluation,
    snapshot,
    pod,
    port,
    agrees: true,
    excluded: excludedPolicies(snapshot, pod, evaluation),
    nearServers: policy.server === null ? nearServers(snapshot, pod, port) : [],
    unattachedRoutes: unattachedRoutes(snapshot, policy),
    network: null,
  };
  return { law, snapshot, pod, port, denied: { seen, client: { ref: { pod: null } } } };
}

function remediesOf(kind: Kind<Asking>, plea: Proving, dialled: readonly DialledPod[], files: Files): readonly Remedy[] {
  return kind.candidates(plea).flatMap((candidate) => {
    const forms = kind === repairProtocol ? [candidate, ...withRoute(plea, candidate)] : [candidate];
    for (const form of forms) {
      const remedy = proved(plea, kind.id, form, files);
      const after = remedy === null ? null : applied(plea.snapshot, remedy);
      if (remedy?.proof == null || after === null || remedy.proof.shutOut.length > 0 || !letsProbesIn(after, plea.port, dialled)) continue;
      return [{ ...remedy, steps: stepsOf(after, dialled) }];
    }
    return [];
  });
}

/** Where the Server has routes, the kubelet needs one of its own as soon as it is understood. */
function withRoute(plea: Asking, candidate: Candidate): readonly Candidate[] {
  const [whole] = withProbeRoute(plea, candidate);
  if (whole === undefined || whole === candidate) return [];
  return [{ ...whole, title: `${candidate.title.replace(/\.$/, '')}, and let the kubelet in on its probes by a route of their own.` }];
}

function applied(snapshot: Snapshot, { changes }: Remedy): Snapshot {
  return withChanges(
    snapshot,
    changes.map(({ after, object }) => (after === null ? { delete: object } : { apply: after })),
  );
}

function letsProbesIn(after: Snapshot, port: number, dialled: readonly DialledPod[]): boolean {
  return dialled.every(({ pod }) => shutOutProbes(after, pod).every(({ probe }) => probe.port !== port));
}

/** Probes of other ports that are refused as well. */
function stepsOf(after: Snapshot, dialled: readonly DialledPod[]): readonly Step[] {
  const ports = new Set(dialled.flatMap(({ pod }) => shutOutProbes(after, pod).map(({ probe }) => probe.port)));
  return [...ports].map((port) => ({ text: `Probes of port ${port} are refused as well: explain them after this.`, command: null }));
}

/** On anything but the route that Linkerd makes for probes, which is open to everyone. */
function getsThrough(after: Snapshot, pod: Workload, dialled: readonly DialledPod[]): boolean {
  return dialled.some(({ pod: server, port }) => {
    if (port === null) return false;
    const { cases } = can(after, { callers: [callerOfPod(after, pod)], servers: [server], port, request: null });
    return cases.some(({ answer, evaluation }) => answer === 'yes' && !isOfProbes(evaluation));
  });
}

function isOfProbes(evaluation: Evaluation | null): boolean {
  return evaluation?.route?.kind === 'default' && evaluation.route.name === 'probe';
}
