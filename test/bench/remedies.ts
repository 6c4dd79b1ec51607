/** The proof of one candidate in the 10,000-pod cluster, beside the same work tuple by tuple. */
import { callerOfPod } from '../../src/access/can.ts';
import { getsIn } from '../../src/access/compare.ts';
import { changedPorts } from '../../src/access/ports.ts';
import { accessRequests } from '../../src/access/requests.ts';
import type { Denied } from '../../src/diagnoses/diagnosis.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { type ObjectChange, type Snapshot, withChanges } from '../../src/policy/snapshot.ts';
import type { Workload } from '../../src/policy/workload.ts';
import { grantByIdentity } from '../../src/remedies/authorize.ts';
import { asApplied } from '../../src/remedies/objects.ts';
import type { Plea } from '../../src/remedies/plea.ts';
import { prove } from '../../src/remedies/proof.ts';
import { type Line, median, unit } from './measure.ts';
import type { BenchCluster } from './policy.ts';
import { milliseconds, podsIn } from './simulate.ts';

const AIM = 50;

export function benchRemedies({ snapshot }: BenchCluster, rounds: number): readonly Line[] {
  const pods = podsIn(snapshot);
  const { plea, changes } = pleaIn(snapshot, pods);
  const runs = Array.from({ length: rounds }, () => {
    const u = unit();
    const proof = milliseconds(() => {
      if (prove(plea, changes, null) === null) throw new Error('the candidate is not proved');
    });
    return { u, proof, each: milliseconds(() => tupleByTuple(snapshot, withChanges(snapshot, changes), pods)) };
  });
  const line = (name: string, value: (run: (typeof runs)[number]) => number, of: Line['unit'], aim: number | null): Line => {
    const values = runs.map(value);
    return { name, value: median(values), unit: of, aim, rounds: values };
  };
  return [
    line('proof of one candidate, 10,000 pods', ({ proof }) => proof, 'ms', AIM),
    line('proof of one candidate, 10,000 pods, in u', ({ proof, u }) => (proof * 1e6) / u, 'u', null),
    line('proof of one candidate, against tuple by tuple', ({ proof, each }) => each / proof, 'x', null),
  ];
}

/** The first pod, a stranger to the Server of one of its ports, and a policy of its own for it there. */
function pleaIn(snapshot: Snapshot, pods: readonly Workload[]): { readonly plea: Plea; readonly changes: readonly ObjectChange[] } {
  for (const pod of pods)
    for (const port of pod.ports) {
      const policy = inboundServer(snapshot, pod, port);
      if (policy.server === null) continue;
      for (const client of pods.slice(0, 50)) {
        const { ip, tls } = callerOfPod(snapshot, client);
        const traffic = policy.routes === null ? ({ type: 'tcp' } as const) : accessRequests([policy])[0]?.traffic;
        const evaluation = traffic === undefined ? null : evaluate(policy, { clientIp: ip, tls }, traffic);
        if (evaluation === null || evaluation.verdict !== 'deny') continue;
        const denied = { client: { ref: { pod: client } }, seen: { symptoms: [], observations: [] } } as unknown as Denied;
        const plea = { denied, law: { evaluation }, snapshot, pod, port, before: null, finding: null } as unknown as Plea;
        const changes = asApplied(snapshot, grantByIdentity(plea, policy.server));
        if (changes.length > 0 && prove(plea, changes, null) !== null) return { plea, changes };
      }
    }
  throw new Error('nobody is denied in this cluster');
}

/** Every pod as a client by every request of the ports that change, under both policies. */
function tupleByTuple(before: Snapshot, after: Snapshot, pods: readonly Workload[]): number {
  let changed = 0;
  for (const at of changedPorts(before, after)) {
    const requests = accessRequests([at.before, at.after].filter((policy) => policy !== null));
    for (const client of pods) {
      const { ip: clientIp, tls } = callerOfPod(before, client);
      for (const { workloads, port } of [at])
        for (const server of workloads)
          for (const { traffic } of requests) {
            const [was, now] = [before, after].map((one) =>
              getsIn(evaluate(inboundServer(one, server, port), { clientIp, tls }, traffic).verdict),
            );
            if (was !== now) changed++;
          }
    }
  }
  return changed;
}
