/** Row 55: a Server declares HTTP/2, and HTTP/1.1 without a proxy comes there, above all the kubelet's probes. */

import { readinessOf } from '../evidence/destination.ts';
import { plainName } from '../evidence/plain-name.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import type { ObjectRef } from '../policy/resource.ts';
import { type Snapshot, workloadsByName } from '../policy/snapshot.ts';
import { showProtocol } from '../policy/wording.ts';
import type { Workload } from '../policy/workload.ts';
import type { Diagnosis, Draft, PlacedSymptom, Standing } from './diagnosis.ts';
import { troubled } from './drafting.ts';
import { aboutDestination, isDated, podOfSymptom, unreadyPods } from './symptoms.ts';

/** The `error` of a connection that does not begin as HTTP/2. */
const UNEXPECTED = 'unexpected';

export const httpVersionMismatch: Diagnosis = {
  id: 'http-version-mismatch',
  title: 'HTTP/1.1 to a Server that declares HTTP/2',
  troubled(trouble) {
    const { snapshot, theirs } = trouble;
    const probed = unreadyPods(trouble).filter(({ pod }) => failingProbes(snapshot, pod).length > 0);
    const pods = probed.map(({ pod }) => pod);
    const [failing] = pods[0] === undefined ? [] : failingProbes(snapshot, pods[0]);
    return failing === undefined ? null : unready(snapshot, pods, failing, [...theirs.filter(isRefusal), ...aboutDestination(trouble)]);
  },
  standing(standing) {
    return [...byServer(standing).values()].flatMap(({ pods, told, server }) => {
      const failing = pods.find(({ ready }) => ready === false);
      const [probe] = failing === undefined ? [] : failingProbes(standing.snapshot, failing.pod);
      if (failing !== undefined && probe !== undefined) {
        const alike = pods.filter(({ ready }) => ready === false).map(({ pod }) => pod);
        return [unready(standing.snapshot, alike, probe, told)];
      }
      return told.length === 0 ? [] : [refused(standing.snapshot, server, told)];
    });
  },
};

interface Failing {
  readonly server: Declared;
  readonly port: number;
  readonly paths: readonly string[];
}

interface Declared {
  readonly ref: ObjectRef;
  readonly protocol: string;
}

/** HTTP probes of ports that a Server declares as HTTP/2 or gRPC: the kubelet speaks HTTP/1.1. */
function failingProbes(snapshot: Snapshot, pod: Workload): readonly Failing[] {
  if (!pod.meshed) return [];
  return [...pod.probes].flatMap(([port, paths]) => {
    const server = declaredAt(snapshot, pod, port);
    return server === null ? [] : [{ server, port, paths }];
  });
}

function declaredAt(snapshot: Snapshot, pod: Workload, port: number): Declared | null {
  const { server, protocol } = inboundServer(snapshot, pod, port);
  return server !== null && (protocol === 'http2' || protocol === 'grpc') ? { ref: server, protocol: showProtocol(protocol) } : null;
}

function isRefusal(placed: PlacedSymptom): boolean {
  const { kind, detail } = placed.symptom;
  return kind === 'refused-before-policy' && detail.endsWith(UNEXPECTED) && isDated(placed);
}

interface Affected {
  readonly server: Declared;
  readonly pods: { readonly pod: Workload; readonly ready: boolean | null }[];
  readonly told: PlacedSymptom[];
}

/** Servers on whose port something was refused, or whose pods are probed in vain. */
function byServer({ snapshot, namespaces, seen }: Standing): ReadonlyMap<string, Affected> {
  const found = new Map<string, Affected>();
  const at = (server: Declared) => {
    const key = `${server.ref.namespace}/${server.ref.name}`;
    const known = found.get(key) ?? { server, pods: [], told: [] };
    found.set(key, known);
    return known;
  };
  for (const placed of seen.symptoms.filter(isRefusal)) {
    const pod = podOfSymptom(snapshot, placed);
    const { port } = placed.symptom;
    const server = pod === null || port === null ? null : declaredAt(snapshot, pod, port);
    if (server !== null) at(server).told.push(placed);
  }
  for (const namespace of [...namespaces].sort()) {
    for (const pod of workloadsByName(snapshot, namespace)) {
      const { ready } = readinessOf(pod);
      if (ready !== false) continue;
      for (const { server } of failingProbes(snapshot, pod)) at(server).pods.push({ pod, ready });
    }
  }
  return found;
}

const TODO =
  'Set proxyProtocol of the Server to HTTP/1 (meshed clients reach it all the same), or to unknown; keep HTTP/2 only where every client without a proxy speaks it, the kubelet included.';

function unready(snapshot: Snapshot, pods: readonly Workload[], { server, port, paths }: Failing, told: readonly PlacedSymptom[]): Draft {
  const names = pods.map(({ ref }) => ref.name);
  const since = pods.map((pod) => readinessOf(pod).since).find((at) => at !== null) ?? null;
  const draft = troubled(
    snapshot,
    {
      certainty: 'certain',
      summary: `Server ${server.ref.namespace}/${server.ref.name} declares ${server.protocol}, and the kubelet probes port ${port} by HTTP/1.1: the proxy refuses the probe, ${names.slice(0, 3).join(', ')} ${names.length === 1 ? 'is' : 'are'} not ready, and clients get 503 or 504, or no connection.`,
      required: [server.protocol],
      observed: `HTTP/1.1 of the kubelet: GET ${paths.join(', ')}`,
      todo: TODO,
      remedies: ['repair-protocol'],
    },
    told,
    [server.ref, ...pods.slice(0, 3).map(({ ref }) => ref)],
  );
  return {
    ...draft,
    evidence: [{ what: 'the pod is not ready', source: `Pod ${pods[0]?.ref.namespace}/${names[0]}`, at: since }, ...draft.evidence],
  };
}

function refused(snapshot: Snapshot, server: Declared, told: readonly PlacedSymptom[]): Draft {
  return troubled(
    snapshot,
    {
      certainty: 'likely',
      summary: `Server ${server.ref.namespace}/${server.ref.name} declares ${server.protocol}, and its proxies refused connections that did not begin so, before any policy was asked: HTTP/1.1 of a client without a proxy, or of the kubelet's probes.`,
      required: [server.protocol],
      observed: 'connections that did not begin as HTTP/2',
      todo: TODO,
      remedies: ['repair-protocol'],
      missing: [
        {
          what: 'whether the kubelet is among them: its pods are then not ready',
          command: `kubectl get -n ${plainName(server.ref.namespace, 'NAMESPACE')} pods -o yaml`,
        },
      ],
    },
    told,
    [server.ref],
  );
}
