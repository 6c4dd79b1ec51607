/** What was told of trouble, put to use: whether it says when, and whether it is about what the client dialled. */
import { type DialledPod, destinationOfPeer, isSameDestination } from '../evidence/destination.ts';
import { placesIn } from '../evidence/places.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import type { PlacedSymptom, Troubled } from './diagnosis.ts';

/** A counter that was read once proves that something happened, and not when: such trouble only adds to what else is known. */
export function isDated({ symptom }: Pick<PlacedSymptom, 'symptom'>): boolean {
  return symptom.count > 0;
}

/** What the client's own proxy told of dialling just this destination. */
export function aboutDestination({ own, destination, snapshot }: Troubled): readonly PlacedSymptom[] {
  if (destination === null) return [];
  return own.filter(({ symptom: { sample } }) => {
    const dialled = sample.peer === undefined ? null : destinationOfPeer(snapshot, sample.peer);
    return dialled !== null && isSameDestination(dialled, destination);
  });
}

/** What the destination's proxies told of the port that was dialled. */
export function onDialledPort({ theirs, destination }: Troubled): readonly PlacedSymptom[] {
  const ports = new Set(destination?.pods.map(({ port }) => port));
  return theirs.filter(({ symptom: { port } }) => port !== null && ports.has(port));
}

/** The pods of the destination, where none of them is ready; empty: one is, or nobody knows. */
export function unreadyPods({ destination }: Troubled): readonly DialledPod[] {
  const pods = destination?.pods ?? [];
  return pods.every(({ ready }) => ready === false) ? pods : [];
}

/** The pod whose proxy told it; null: not known. */
export function podOfSymptom(snapshot: Snapshot, { symptom: { reporter }, place }: PlacedSymptom): Workload | null {
  return placesIn(snapshot).podOf(place, reporter.pod === null ? [] : [reporter.pod]);
}

/** The client for a sentence: `Deployment shop/frontend`, else its identity or address. */
export function nameOfClient({ client }: Troubled): string {
  if (client === null) return 'a client';
  const { workload, identity, ip } = client;
  return workload === null ? (identity ?? ip ?? 'a client') : `${workload.kind} ${workload.namespace}/${workload.name}`;
}
