/** A triage desk in memory: facts and alerts go in, incidents come out, explained without a cluster. */
import { dataOf } from '../../src/commands/explain-data.ts';
import type { AlertFact } from '../../src/evidence/alert.ts';
import { parseWebhook } from '../../src/evidence/alert.ts';
import type { Denial, Fact, Observation, Reporter, Symptom, WorkloadRef } from '../../src/evidence/facts.ts';
import type { Explanation } from '../../src/explain.ts';
import type { ClientTls } from '../../src/policy/evaluation.ts';
import type { Json, Store } from '../../src/ports.ts';
import type { DeltaContext } from '../../src/triage/delta.ts';
import { BOUNDS, type Incident, type IncidentClient, type TriageBounds } from '../../src/triage/incident.ts';
import { createIntake, type Intake, type IntakeOptions } from '../../src/triage/intake.ts';
import { createMuteList } from '../../src/triage/mutes.ts';
import { explainIncident, type WorkOptions } from '../../src/triage/work.ts';
import { createMemory, createMemoryQueue, createMemoryStore, type Memory, type MemoryQueue, type MemoryStore } from '../memory-store.ts';

export const NOON = Date.parse('2026-03-01T12:00:00Z');
export const MINUTE = 60_000;

export interface Desk {
  readonly memory: Memory;
  readonly store: MemoryStore;
  readonly queue: MemoryQueue;
  readonly intake: Intake;
  readonly mutes: ReturnType<typeof createMuteList>;
  readonly clock: { now: number };
  readonly work: WorkOptions;
  take(facts: readonly Fact[], alerts?: readonly AlertFact[], id?: string): Promise<'accepted' | 'known'>;
  explain(): Promise<void>;
  incidents(): Promise<readonly Incident[]>;
  clients(id: string): Promise<readonly IncidentClient[]>;
}

export interface DeskOptions {
  readonly owners?: Map<string, WorkloadRef>;
  readonly memory?: Memory;
  readonly bounds?: TriageBounds;
  readonly intake?: Partial<IntakeOptions>;
}

export function createDesk({ owners = new Map(), memory = createMemory(), bounds = BOUNDS, intake: more = {} }: DeskOptions = {}): Desk {
  const clock = { now: NOON };
  const now = () => clock.now;
  const store = createMemoryStore(memory, now);
  const queue = createMemoryQueue();
  const mutes = createMuteList(store, now);
  const context: DeltaContext = {
    cluster: '',
    workload: (namespace, pod) => owners.get(`${namespace}/${pod}`) ?? null,
    namespace: () => null,
  };
  const intake = createIntake({
    store,
    queue,
    context,
    mutes,
    bounds,
    now,
    rememberMilliseconds: 60 * MINUTE,
    batchesPerCommit: 16,
    ...more,
  });
  const work: WorkOptions = { store, queue, bounds, now, policy: () => null, describe, published: async () => {} };
  return {
    memory,
    store,
    queue,
    intake,
    mutes,
    clock,
    work,
    take: (facts, alerts = [], id) => intake.accept({ id: id ?? null, facts, alerts }),
    explain: () => queue.work((id) => explainIncident(id, work)),
    incidents: async () => valuesOf<Incident>(store, 'incidents'),
    clients: async (id) =>
      (await store.list('clients', { tag: `incident:${id}`, limit: 10_000 })).map((d) => d.value as unknown as IncidentClient),
  };
}

function describe(explanation: Explanation): Json {
  const question = { namespace: null, workload: null, port: null, at: null };
  return JSON.parse(JSON.stringify(dataOf({ explanation, question, logs: [], notices: [], settings: null }))) as Json;
}

async function valuesOf<T>(store: Store, collection: 'incidents'): Promise<readonly T[]> {
  return (await store.list(collection, { limit: 10_000 })).map((d) => d.value as unknown as T);
}

export const CART: WorkloadRef = { kind: 'Deployment', namespace: 'shop', name: 'cart' };
export const SERVER = { group: 'policy.linkerd.io', kind: 'server', name: 'cart-http' };
const ROUTE = { group: '', kind: 'default', name: 'default' };
export const WEB: ClientTls = { state: 'established', clientId: 'web.shop.serviceaccount.identity.linkerd.cluster.local' };

const POD: Reporter = { cluster: '', namespace: 'shop', pod: 'cart-1', workload: CART };

/** A line of a proxy's log: an address, no application port. */
export function fromLog(
  more: Partial<Denial> & { readonly pod?: string; readonly workload?: WorkloadRef | null; readonly ip?: string } = {},
): Denial {
  const { pod = 'cart-1', workload = CART, ip = '10.0.0.9', ...rest } = more;
  return {
    type: 'denial',
    kind: 'http-denied',
    at: NOON,
    reporter: { ...POD, pod, workload },
    server: SERVER,
    route: ROUTE,
    port: null,
    admin: false,
    client: { ip, port: 40_000, tls: WEB },
    request: { version: '2', method: 'GET', path: '/basket', authority: 'cart', grpc: false },
    count: 1,
    sinceBefore: false,
    error: null,
    didNotApply: [],
    source: { kind: 'log', name: 'pushed', line: 1, raw: 'Request denied' },
    ...rest,
  };
}

/** What a counter grew by: a port, no address. */
export function fromMetrics(more: Partial<Denial> & { readonly pod?: string; readonly workload?: WorkloadRef | null } = {}): Denial {
  const log = fromLog(more);
  return {
    ...log,
    port: 8080,
    client: { ip: null, port: null, tls: WEB },
    request: null,
    count: 3,
    source: { kind: 'metrics', name: 'pushed', line: null, raw: 'inbound_http_authz_deny_total' },
    ...more,
  };
}

export function symptom(more: Partial<Symptom> = {}): Symptom {
  return {
    type: 'symptom',
    kind: 'scrape-refused',
    at: NOON,
    reporter: POD,
    port: 4191,
    client: null,
    detail: 'server returned HTTP status 403 Forbidden',
    count: 1,
    source: { kind: 'metrics', name: 'targets', line: null, raw: '' },
    ...more,
  };
}

export function observation(more: Partial<Observation> = {}): Observation {
  return {
    type: 'observation',
    at: NOON,
    reporter: POD,
    server: SERVER,
    route: ROUTE,
    authorization: { group: 'policy.linkerd.io', kind: 'authorizationpolicy', name: 'cart-web' },
    port: 8080,
    client: { ip: null, port: null, tls: WEB },
    request: null,
    count: 5,
    source: { kind: 'metrics', name: 'pushed', line: null, raw: '' },
    ...more,
  };
}

export interface AlertParts {
  readonly labels?: Readonly<Record<string, string>>;
  readonly status?: 'firing' | 'resolved';
  readonly startsAt?: number;
  readonly endsAt?: number;
}

export const CART_LABELS = {
  alertname: 'CartDenies',
  namespace: 'shop',
  deployment: 'cart',
  srv_kind: 'server',
  srv_group: 'policy.linkerd.io',
  srv_name: 'cart-http',
};

export function alert({ labels = CART_LABELS, status = 'firing', startsAt = NOON, endsAt }: AlertParts = {}): AlertFact {
  const time = (at: number) => new Date(at).toISOString();
  const end = endsAt === undefined ? '0001-01-01T00:00:00Z' : time(endsAt);
  const [made] = parseWebhook({ alerts: [{ status, labels, startsAt: time(startsAt), endsAt: end }] }).alerts;
  if (made === undefined) throw new Error('no alert');
  return made;
}
