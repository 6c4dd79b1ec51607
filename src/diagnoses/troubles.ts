/** Trouble without a denial, gathered: each client with what it dialled, and the pods that told of trouble themselves. */
import type { ClientRef } from '../evidence/client.ts';
import { type Destination, destinationOfPeer } from '../evidence/destination.ts';
import type { Peer } from '../evidence/facts.ts';
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
  const { seen, denied, podOf, snapshot } = gathering;
  const names = new Set(destination?.pods.map(({ pod }) => keyOf(pod)));
  const reported = (placed: PlacedSymptom, wanted: ReadonlySet<string>) => {
    const pod = podOf(placed);
    return pod !== null && wanted.has(keyOf(pod));
  };
  const ownName = new Set(client?.pod ? [keyOf(client.pod)] : []);
  return {
    client,
    destination,
    snapshot,
    own: seen.symptoms.filter((placed) => reported(placed, ownName)),
    theirs: seen.symptoms.filter((placed) => reported(placed, names)),
    refused: denied.filter(({ law }) => law !== null && names.has(keyOf(law.pod))),
    seen,
  };
}

function keyOf({ ref }: Workload): string {
  return `${ref.namespace}/${ref.kind}/${ref.name}`;
}
