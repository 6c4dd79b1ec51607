/** Trouble without a denial, gathered: each client with what it dialled, and the pods that told of trouble themselves. */
import type { ClientRef } from '../evidence/client.ts';
import { type Destination, destinationOfPeer } from '../evidence/destination.ts';
import type { Peer } from '../evidence/facts.ts';
import { memo } from '../policy/memo.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import type { Denied, PlacedSymptom, Seen, Troubled } from './diagnosis.ts';

/** What is known when trouble is gathered. */
export interface Gathering {
  readonly snapshot: Snapshot;
  readonly seen: Seen;
  readonly denied: readonly Denied[];
  /** The client that a proxy's own pod is. */
  readonly clientOf: (pod: Workload) => ClientRef;
  /** The pod that a reporter is; null: not known. */
  readonly podOf: (symptom: PlacedSymptom) => Workload | null;
}

/** One for each client's proxy and each thing it dialled in vain, in the order they were told. */
export function troublesOfClients(gathering: Gathering): readonly Troubled[] {
  const byDialling = new Map<string, { readonly pod: Workload; readonly peer: Peer; readonly destination: Destination }>();
  for (const placed of gathering.seen.symptoms) {
    const { peer } = placed.symptom.sample;
    const pod = gathering.podOf(placed);
    if (peer === undefined || pod === null) continue;
    const destination = destinationOfPeer(gathering.snapshot, peer);
    if (destination === null) continue;
    const key = JSON.stringify([pod.ref.namespace, pod.ref.name, destination.service ?? destination.dialled]);
    if (!byDialling.has(key)) byDialling.set(key, { pod, peer, destination });
  }
  return [...byDialling.values()].map(({ pod, destination }) => troubleOf(gathering, gathering.clientOf(pod), destination));
}

/** The trouble of one client with one destination; both may be unknown. */
export function troubleOf(gathering: Gathering, client: ClientRef | null, destination: Destination | null): Troubled {
  const { symptoms, denied } = byPod(gathering);
  const pods = new Set(destination?.pods.map(({ pod }) => keyOf(pod)));
  const own = client?.pod == null ? [] : (symptoms.get(keyOf(client.pod)) ?? []);
  return {
    client,
    destination,
    snapshot: gathering.snapshot,
    own,
    theirs: [...pods].flatMap((pod) => symptoms.get(pod) ?? []),
    refused: [...pods].flatMap((pod) => denied.get(pod) ?? []),
    seen: gathering.seen,
  };
}

const byPod = memo(({ seen, denied, podOf }: Gathering) => ({
  symptoms: Map.groupBy(seen.symptoms, (placed) => keyOf(podOf(placed))),
  denied: Map.groupBy(denied, ({ law }) => keyOf(law?.pod ?? null)),
}));

function keyOf(pod: Workload | null): string {
  return pod === null ? '' : `${pod.ref.namespace}/${pod.ref.kind}/${pod.ref.name}`;
}
