/** Trouble without a denial, gathered and explained: each client with what it dialled, asked for or told by its own proxy. */
import { type ClientRef, clientRef } from '../evidence/client.ts';
import { type Destination, destinationAt, destinationOfPeer, isSameDestination } from '../evidence/destination.ts';
import type { Peer } from '../evidence/facts.ts';
import { ownersIn } from '../evidence/places.ts';
import type { TallySymptom } from '../evidence/tally.ts';
import type { ClusterView } from '../policy/history.ts';
import type { Instant } from '../policy/resource.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import type { Denied, PlacedSymptom, Seen, Troubled } from './diagnosis.ts';
import type { Finding } from './finding.ts';
import { findingsOfTrouble } from './index.ts';
import { aboutDestination, podOfSymptom } from './symptoms.ts';

/** A client that got no good answer from what it dialled. */
export interface Asked {
  readonly client: { readonly namespace: string; readonly pod: string; readonly ip: string | null };
  readonly host: string;
  readonly port: number;
  readonly at: Instant | null;
}

/** Trouble that left no denial of its client. */
export interface TroubleExplanation {
  /** null: nobody in particular. */
  readonly client: ClientRef | null;
  readonly destination: Destination | null;
  /** What the client's own proxy told of it. */
  readonly told: readonly TallySymptom[];
  readonly findings: readonly Finding[];
}

/** What is known when trouble is gathered. */
export interface Troubles {
  readonly view: ClusterView;
  /** The moment of which the objects are taken; null: of each trouble's own. */
  readonly at: Instant | null;
  readonly seen: Seen;
  readonly denied: readonly Denied[];
  readonly asked: readonly Asked[];
}

/** First those that were asked for, each of them; then what proxies told of, where anything was found. */
export function explainTroubles({ view, at: time, seen, denied, asked }: Troubles): readonly TroubleExplanation[] {
  const gatheringAt = (at: Instant | null) => gatheringIn(view.at(time ?? at), seen, denied);
  const ofAsked = asked.map(({ client, host, port, at }) => {
    const gathering = gatheringAt(at);
    const { snapshot } = gathering;
    const ref = clientRef(snapshot, client.ip, null, ownersIn(snapshot));
    return explained({ ...troubleOf(gathering, ref, destinationAt(snapshot, host, port)), isAsked: true });
  });
  const told = troublesOfClients(gatheringAt(null)).map(explained);
  const isNew = ({ client, destination, findings }: TroubleExplanation, i: number) =>
    findings.length > 0 &&
    ![...ofAsked, ...told.slice(0, i)].some(
      (other) => other.client?.key === client?.key && isSameDestination(other.destination, destination),
    );
  return [...ofAsked, ...told.filter(isNew)];
}

function explained(trouble: Troubled): TroubleExplanation {
  const { client, destination } = trouble;
  const told = aboutDestination(trouble).map(({ symptom }) => symptom);
  return { client, destination, told, findings: findingsOfTrouble(trouble) };
}

interface Gathering {
  readonly snapshot: Snapshot;
  readonly seen: Seen;
  readonly symptoms: ReadonlyMap<string, readonly PlacedSymptom[]>;
  readonly denied: ReadonlyMap<string, readonly Denied[]>;
}

function gatheringIn(snapshot: Snapshot, seen: Seen, denied: readonly Denied[]): Gathering {
  return {
    snapshot,
    seen,
    symptoms: Map.groupBy(seen.symptoms, (placed) => keyOf(podOfSymptom(snapshot, placed))),
    denied: Map.groupBy(denied, ({ law }) => keyOf(law?.pod ?? null)),
  };
}

/** One for each client's proxy and each thing it dialled in vain, in the order they were told. */
function troublesOfClients(gathering: Gathering): readonly Troubled[] {
  const { snapshot, seen } = gathering;
  const byDialling = new Map<string, { readonly pod: Workload; readonly peer: Peer; readonly destination: Destination }>();
  for (const placed of seen.symptoms) {
    const { peer } = placed.symptom.sample;
    const pod = podOfSymptom(snapshot, placed);
    if (peer === undefined || pod === null) continue;
    const destination = destinationOfPeer(snapshot, peer);
    if (destination === null) continue;
    const key = JSON.stringify([pod.ref.namespace, pod.ref.name, destination.service ?? destination.dialled]);
    if (!byDialling.has(key)) byDialling.set(key, { pod, peer, destination });
  }
  return [...byDialling.values()].map(({ pod, destination }) => {
    const client = clientRef(snapshot, pod.ips[0] ?? null, null, ownersIn(snapshot));
    return troubleOf(gathering, client, destination);
  });
}

/** The trouble of one client with one destination; both may be unknown. */
function troubleOf({ snapshot, seen, symptoms, denied }: Gathering, client: ClientRef | null, destination: Destination | null): Troubled {
  const pods = new Set(destination?.pods.map(({ pod }) => keyOf(pod)));
  return {
    client,
    destination,
    isAsked: false,
    snapshot,
    own: client?.pod == null ? [] : (symptoms.get(keyOf(client.pod)) ?? []),
    theirs: [...pods].flatMap((pod) => symptoms.get(pod) ?? []),
    refused: [...pods].flatMap((pod) => denied.get(pod) ?? []),
    seen,
  };
}

function keyOf(pod: Workload | null): string {
  return pod === null ? '' : `${pod.ref.namespace}/${pod.ref.kind}/${pod.ref.name}`;
}
