/** Policies that grant nothing to anybody: what they name is not there, or they are of nothing. */
import { authorizationsIn } from '../access/clients.ts';
import { evaluate } from '../policy/evaluate.ts';
import { type Excluded, excludedPolicies } from '../policy/excluded.ts';
import { type Resource, refOf } from '../policy/resource.ts';
import { namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import { showExcluded } from '../policy/wording.ts';
import type { Judgement, PostureContext, PostureWorkload } from './practice.ts';
import { counted, evidence, quoted } from './wording.ts';

/** Empty: each of the namespace's lets somebody in somewhere, or nothing runs there that it could open. */
export function idleGrants(context: PostureContext, namespace: string): readonly Judgement[] {
  const workloads = context.workloadsIn(namespace).filter(({ ports }) => ports.length > 0);
  const { authorizationPolicies, serverAuthorizations } = namespaceIndex(context.snapshot, namespace);
  const all = [...authorizationPolicies.values(), ...serverAuthorizations.values()].map(({ resource }) => resource);
  if (workloads.length === 0 || all.length === 0) return [];
  const working = new Set(
    workloads.flatMap(({ ports }) =>
      ports.flatMap(({ policy }) => authorizationsIn(policy).flatMap(({ object }) => (object === null ? [] : [keyOf(object)]))),
    ),
  );
  const idle = all.filter((resource) => !working.has(keyOf(refOf(resource))));
  if (idle.length === 0) return [];
  const reasons = reasonsOf(context.snapshot, workloads);
  return [
    {
      ...{ workload: null, state: 'partly', lacking: [] },
      found: `${idle.length} of ${counted(all.length, 'policy', 'policies')} ${idle.length === 1 ? 'lets' : 'let'} nobody in on any port`,
      evidence: idle.map((resource) => evidence(whyOf(resource, reasons), resource)),
      next: { text: 'What is wrong with each, and its right form.', command: `denywhy lint -n ${quoted(namespace)}` },
    },
  ];
}

function keyOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind}/${name}`;
}

/** By policy; what is true of one port alone says less than what is true of all. */
function reasonsOf(snapshot: Snapshot, workloads: readonly PostureWorkload[]): ReadonlyMap<string, Excluded> {
  const found = new Map<string, Excluded>();
  for (const { ports } of workloads) {
    for (const { policy, pods } of ports) {
      const [pod] = pods;
      if (pod === undefined) continue;
      for (const one of excludedPolicies(snapshot, pod, evaluate(policy, { clientIp: null, tls: null }, { type: 'http-unknown' }))) {
        const known = found.get(keyOf(one.object));
        if (known === undefined || OF_A_PORT.has(known.reason.type)) found.set(keyOf(one.object), one);
      }
    }
  }
  return found;
}

const OF_A_PORT: ReadonlySet<Excluded['reason']['type']> = new Set([
  'other-route',
  'route-policy-on-tcp',
  'no-server',
  'overshadowed-server',
]);

function whyOf(resource: Resource, reasons: ReadonlyMap<string, Excluded>): string {
  const reason = reasons.get(keyOf(refOf(resource)));
  return reason === undefined ? 'it opens no port of a pod that is there' : showExcluded(reason).replace(/\.$/, '');
}
