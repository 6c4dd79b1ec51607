/** Rows 6 and 56: port 4191 of a proxy refuses whoever reads its metrics, so that nothing is seen of this pod. */
import { ADMIN_PORT } from '../evidence/conventions.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { objectKey, showRef } from '../policy/resource.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { showDefaultOrigin } from '../policy/wording.ts';
import type { Workload } from '../policy/workload.ts';
import { lawOfDenial } from './closest.ts';
import type { Denied, Diagnosis, Draft, PlacedSymptom } from './diagnosis.ts';
import { drafted, troubled } from './drafting.ts';
import { isDated, podOfSymptom } from './symptoms.ts';

const METRICS = '/metrics';

export const prometheusDenied: Diagnosis = {
  id: 'prometheus-denied',
  title: 'Prometheus is refused the metrics of a proxy',
  denied(denied) {
    const law = lawOfDenial(denied);
    if (law === null || law.port !== ADMIN_PORT) return null;
    const paths = pathsOf(denied);
    if (paths.length > 0 && !paths.includes(METRICS)) return null;
    if (paths.length === 0 && denied.client.ref.node !== null) return null;
    const isBare = denied.client.tls?.state !== 'established';
    return drafted(denied, {
      certainty: paths.length > 0 ? 'certain' : 'likely',
      removal: 'allows',
      note: denied.decision.note || 'while it is refused, no alert that stands on these metrics can fire for this pod',
      todo: `${isBare ? 'Mesh Prometheus, so that it has an identity. ' : ''}${TODO}`,
      remedies: isBare ? ['scrape-route', 'mesh-client'] : ['scrape-route'],
    });
  },
  standing({ snapshot, seen, refused }) {
    const told = seen.symptoms.filter((placed) => placed.symptom.kind === 'scrape-refused' && isDated(placed));
    const known = new Set(refused.flatMap(({ law }) => (law?.port === ADMIN_PORT ? [objectKey(law.pod.ref)] : [])));
    const byPolicy = new Map<string, Blind>();
    for (const placed of told) {
      const pod = podOfSymptom(snapshot, placed);
      if (pod === null || known.has(objectKey(pod.ref))) continue;
      const { words, certainty, server } = refusalAt(snapshot, pod);
      const key = JSON.stringify([pod.ref.namespace, words]);
      const blind = byPolicy.get(key) ?? { words, certainty, server, pods: [], told: [] };
      byPolicy.set(key, { ...blind, pods: [...blind.pods, pod], told: [...blind.told, placed] });
    }
    return [...byPolicy.values()].map((blind) => unseen(snapshot, blind));
  },
};

const TODO = `Let its ServiceAccount read ${METRICS} of port ${ADMIN_PORT}, and in the same change the kubelet /live and /ready: a Server for port linkerd-admin, a route for each, a policy for each. linkerd viz allow-scrapes prints such objects.`;

/** Pods of one policy that Prometheus cannot read. */
interface Blind extends Refusal {
  readonly pods: readonly Workload[];
  readonly told: readonly PlacedSymptom[];
}

interface Refusal extends Pick<Draft, 'certainty'> {
  readonly words: string;
  readonly server: ReturnType<typeof inboundServer>['server'];
}

/** What the policy of the admin port is, which refused somebody. */
function refusalAt(snapshot: Snapshot, pod: Workload): Refusal {
  const { server, defaultPolicy } = inboundServer(snapshot, pod, ADMIN_PORT);
  if (server !== null) return { words: `${showRef(server)} takes that port and does not let it in`, certainty: 'likely', server };
  const words = `no Server takes that port, and the default policy ${defaultPolicy.policy} refuses it (${showDefaultOrigin(defaultPolicy)})`;
  return { words, certainty: defaultPolicy.policy === 'deny' ? 'certain' : 'likely', server };
}

function unseen(snapshot: Snapshot, { pods, told, words, certainty, server }: Blind): Draft {
  const names = pods.map(({ ref }) => ref.name).sort();
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return troubled(
    snapshot,
    {
      certainty,
      summary: `Prometheus is refused the metrics of ${pods[0]?.ref.namespace}/${names.slice(0, SHOWN).join(', ')}${more} on port ${ADMIN_PORT}: ${words}. No alert that stands on these metrics can fire for ${names.length === 1 ? 'this pod' : 'these pods'}.`,
      todo: TODO,
      remedies: ['scrape-route'],
    },
    told,
    [server, ...pods.slice(0, SHOWN).map(({ ref }) => ref)],
  );
}
const SHOWN = 3;

function pathsOf({ client }: Denied): readonly string[] {
  return [...new Set(client.requests.flatMap(({ path }) => (path === null ? [] : [path.split('?', 1)[0] ?? ''])))];
}
