/** `simulate` and the whole matrix on 10,000 pods, each beside the same work pair by pair. */
import { withApplied } from '../../src/access/applied.ts';
import { callerOfPod } from '../../src/access/can.ts';
import { compareAccess, getsIn } from '../../src/access/compare.ts';
import { accessMatrix } from '../../src/access/matrix.ts';
import { allPorts } from '../../src/access/ports.ts';
import { accessRequests } from '../../src/access/requests.ts';
import { observedTraffic } from '../../src/commands/observed-traffic.ts';
import { simulate } from '../../src/commands/simulate-run.ts';
import type { Observation } from '../../src/evidence/facts.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import { serviceAccountIdentity } from '../../src/policy/identity.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import type { ObjectChange, Snapshot } from '../../src/policy/snapshot.ts';
import { findWorkload, withChanges } from '../../src/policy/snapshot.ts';
import { ANNOTATION, type Workload } from '../../src/policy/workload.ts';
import { type Line, median, unit } from './measure.ts';
import type { BenchCluster } from './policy.ts';

const TUPLES = 1_000_000;
const AIMS = { simulate: 2000, matrix: 1000 } as const;
/** One by one it takes minutes: so many are timed. */
const SAMPLE = 100_000;

export function benchSimulate({ snapshot }: BenchCluster, rounds: number): readonly Line[] {
  const pods = podsIn(snapshot);
  const facts = factsOf(snapshot, pods, TUPLES);
  const changes = changesOf(snapshot);
  const planned = { changes, refused: [], notices: [] };
  const runs = Array.from({ length: rounds }, () => {
    const u = unit();
    const simulated = milliseconds(() => simulate(snapshot, planned, { observed: observedTraffic(snapshot, facts), possible: false }));
    const each = (milliseconds(() => tupleByTuple(snapshot, withApplied(snapshot, changes), facts.slice(0, SAMPLE))) * TUPLES) / SAMPLE;
    const matrix = milliseconds(() => accessMatrix(snapshot));
    const pairs = pairByPair(snapshot, pods);
    const compared = milliseconds(() => compareAccess(snapshot, withDefault(snapshot, pods)));
    return { u, simulated, each, matrix, pairs, compared };
  });
  const line = (name: string, value: (run: (typeof runs)[number]) => number, of: Line['unit'], aim: number | null): Line => {
    const values = runs.map(value);
    return { name, value: median(values), unit: of, aim, rounds: values };
  };
  return [
    line('simulate 1,000,000 observed tuples', ({ simulated }) => simulated, 'ms', AIMS.simulate),
    line('simulate 1,000,000 observed tuples, in u', ({ simulated, u }) => (simulated * 1e6) / u, 'u', null),
    line('simulate, against tuple by tuple', ({ simulated, each }) => each / simulated, 'x', null),
    line('matrix of all pods by all ports', ({ matrix }) => matrix, 'ms', AIMS.matrix),
    line('matrix of all pods by all ports, in u', ({ matrix, u }) => (matrix * 1e6) / u, 'u', null),
    line('matrix, against pair by pair', ({ matrix, pairs }) => pairs / matrix, 'x', null),
    line('who gains and loses by another default policy of every pod', ({ compared }) => compared, 'ms', null),
    line('who gains and loses by another default policy of every pod, in u', ({ compared, u }) => (compared * 1e6) / u, 'u', null),
  ];
}

export function milliseconds(work: () => unknown): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

export function podsIn(snapshot: Snapshot): readonly Workload[] {
  return [...snapshot.namespaces.values()].flatMap(({ workloads }) =>
    [...workloads.values()].flatMap(({ value }) => (value?.kind === 'Pod' && value.meshed ? [value] : [])),
  );
}

/** Each of the pods is called by some of its neighbours, again and again: about as often as each kind of traffic comes back in a day. */
export function factsOf(snapshot: Snapshot, pods: readonly Workload[], count: number): readonly Observation[] {
  const reporters = pods.map(({ ref }) => ({ cluster: '', namespace: ref.namespace, pod: ref.name, workload: null }));
  const tls = pods.map(
    ({ ref, serviceAccount }) =>
      ({ state: 'established', clientId: serviceAccountIdentity(snapshot.info, ref.namespace, serviceAccount) }) as const,
  );
  const source = { kind: 'metrics', name: 'bench', line: null, raw: '' } as const;
  return Array.from({ length: count }, (_, i): Observation => {
    const at = i % pods.length;
    const from = (at + 1 + (((i / pods.length) | 0) % 20) * 10) % pods.length;
    const server = pods[at] as Workload;
    const port = server.ports.find((one) => one !== 4143 && one !== 4191) ?? 8080;
    return {
      type: 'observation',
      at: i,
      reporter: reporters[at] as Observation['reporter'],
      server: null,
      route: { group: '', kind: 'default', name: 'default' },
      authorization: null,
      port,
      client: { ip: (pods[from] as Workload).ips[0] ?? null, port: null, tls: tls[from] as (typeof tls)[number] },
      request: null,
      count: 1,
      source,
    };
  });
}

/** Half of the namespaces lose an AuthorizationPolicy. */
function changesOf(snapshot: Snapshot): readonly ObjectChange[] {
  const first = [...snapshot.namespaces.values()].flatMap(({ authorizationPolicies }) => [...authorizationPolicies.values()].slice(0, 1));
  return first.filter((_, i) => i % 2 === 0).flatMap(({ value }) => (value === null ? [] : [{ delete: value.ref }]));
}

function withDefault(snapshot: Snapshot, pods: readonly Workload[]): Snapshot {
  const annotated = pods.map(({ resource: { metadata, ...resource } }) => ({
    ...resource,
    metadata: { ...metadata, annotations: { ...metadata.annotations, [ANNOTATION.defaultInboundPolicy]: 'cluster-authenticated' } },
  }));
  return withChanges(
    snapshot,
    annotated.map((apply) => ({ apply })),
  );
}

function tupleByTuple(before: Snapshot, after: Snapshot, facts: readonly Observation[]): number {
  let changed = 0;
  for (const { reporter, port, client, route } of facts) {
    const verdicts = [before, after].map((snapshot) => {
      const server = findWorkload(snapshot, 'Pod', reporter.namespace ?? '', reporter.pod ?? '') as Workload;
      const traffic = route === null ? ({ type: 'tcp' } as const) : ({ type: 'http-on-route', route } as const);
      return evaluate(inboundServer(snapshot, server, port ?? 0), { clientIp: client.ip, tls: client.tls }, traffic).verdict;
    });
    if (verdicts[0] !== verdicts[1]) changed++;
  }
  return changed;
}

/** Milliseconds that the whole matrix would take, from a sample of its pairs. */
function pairByPair(snapshot: Snapshot, pods: readonly Workload[]): number {
  const ports = allPorts(snapshot);
  const total = ports.reduce((sum, { workloads }) => sum + workloads.length, 0) * pods.length;
  const callers = pods.map((pod) => callerOfPod(snapshot, pod));
  let done = 0;
  const spent = milliseconds(() => {
    for (let i = 0; done < SAMPLE; i++) {
      const { workloads, port } = ports[(i * 37) % ports.length] as (typeof ports)[number];
      const policy = inboundServer(snapshot, workloads[0] as Workload, port);
      const requests = accessRequests([policy]);
      for (let j = 0; j < 100; j++, done++) {
        const { ip, tls } = callers[(i * 101 + j * 97) % callers.length] as (typeof callers)[number];
        requests.some(({ traffic }) => getsIn(evaluate(policy, { clientIp: ip, tls }, traffic).verdict));
      }
    }
  });
  return (spent * total) / done;
}
