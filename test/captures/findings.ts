/** What we find in a situation, from its logs, its counters and both: answers only, nothing of what `truth.json` expects goes in. */

import type { Finding } from '../../src/diagnoses/finding.ts';
import type { Asked } from '../../src/diagnoses/troubles.ts';
import type { Reporter } from '../../src/evidence/facts.ts';
import { createTally } from '../../src/evidence/tally.ts';
import { type ClientExplanation, type Explanation, explain } from '../../src/explain.ts';
import type { ClusterView } from '../../src/policy/history.ts';
import { createHistory } from '../../src/policy/history.ts';
import { type Change, type Instant, objectKey, refOf, showRef } from '../../src/policy/resource.ts';
import { buildSnapshot, resourcesOf, type Snapshot } from '../../src/policy/snapshot.ts';
import { parseInstant, showInstant } from '../../src/policy/time.ts';
import { rowsOf } from '../root-causes.ts';
import { addLogs, addMetrics, type ClientProxies } from './evidence.ts';
import { createScene, filesNamed, type Replay, type Scene } from './replay.ts';
import type { Folder } from './report.ts';

export const SOURCES = ['log', 'metrics', 'both'] as const;
export type SourceKind = (typeof SOURCES)[number];

/** One answer. */
export interface Line {
  readonly situation: string;
  /** `namespace/app`; null: what the objects show, whoever came. */
  readonly client: string | null;
  readonly source: SourceKind;
  readonly findings: readonly { readonly id: string; readonly rows: readonly number[]; readonly certainty: Finding['certainty'] }[];
  /** The edit that took the permission away; null: none is known. */
  readonly changed: { readonly at: string; readonly edits: readonly string[] } | null;
}

/** Of a situation: the clients of its traffic that got no success, everybody else who was denied, and the objects themselves. */
export interface Answers {
  readonly clients: readonly Line[];
  readonly others: readonly Line[];
  readonly standing: readonly Line[];
}

/** What is read of a line of `traffic.jsonl`. */
interface Traffic {
  readonly at: string;
  readonly client: {
    readonly namespace: string;
    readonly app: string;
    readonly pod: string | null;
    readonly ip: string | null;
    readonly serviceAccount: string | null;
    readonly meshed: boolean;
  };
  readonly request: { readonly url?: string; readonly tcp?: string; readonly grpc?: string };
}

export interface Request {
  readonly at: Instant;
  /** As the server's proxy saw it, by `replay.json`; null: none was shown, or nobody knows. */
  readonly identity: string | null;
  readonly traffic: Traffic;
  readonly isSuccess: boolean;
  /** False: by `replay.json` no workload's proxy saw it. */
  readonly isSeen: boolean;
  readonly snapshot: Snapshot;
}

type Client = Traffic['client'];

export function answersOf(folder: Folder): Answers {
  const replay = JSON.parse(folder.read('replay.json') ?? '{}') as Replay;
  const requests = requestsOf(folder, createScene(folder, replay));
  const server = serverOf(folder, replay);
  const failed = requests.filter(({ isSuccess }) => !isSuccess);
  const proxies = reportersOf(requests);
  const clients = new Map(failed.map(({ traffic: { client } }) => [nameOf(client), client]));
  const lines = SOURCES.map((source) => {
    const tally = createTally();
    if (source !== 'metrics') addLogs(folder, tally, proxies, server);
    if (source !== 'log') addMetrics(folder, tally, proxies, server);
    const ask: Ask = (cluster, asked) =>
      explain({ tally, cluster, question: { namespace: null, workload: null, port: null, at: null }, asked });
    return linesOf(folder.name, source, ask, clients, requests);
  });
  return {
    clients: lines.flatMap((l) => l.clients),
    others: lines.flatMap((l) => l.others),
    standing: lines.flatMap((l) => l.standing),
  };
}

type Ask = (cluster: ClusterView, asked: readonly Asked[]) => Explanation;

function linesOf(
  situation: string,
  source: SourceKind,
  ask: Ask,
  clients: ReadonlyMap<string, Client>,
  requests: readonly Request[],
): Answers {
  const overall = ask(viewOf(requests, source), []);
  const line = (client: string | null, findings: readonly Finding[], changed: Line['changed'] = null): Line => ({
    situation,
    client,
    source,
    findings: distinct(findings).map(({ id, certainty }) => ({ id, rows: rowsOf(id), certainty })),
    changed,
  });
  const own = [...clients.keys()].map((name) => {
    const failed = requests.filter(({ isSuccess, traffic }) => !isSuccess && nameOf(traffic.client) === name);
    const said = viewsOf(requests, failed, source).map((view) => findingsOf(ask, view, failed, source));
    return {
      name,
      findings: said.flatMap(({ findings }) => findings),
      changed: said.find(({ changed }) => changed !== null)?.changed ?? null,
    };
  });
  const isNamed = (c: ClientExplanation) =>
    [...clients.values()].some((client) => ofClient([c], client, identitiesOf(requests, client), source).length > 0);
  const others = overall.clients.filter((c) => !isNamed(c));
  return {
    clients: own.map(({ name, findings, changed }) => line(name, findings, changed)),
    others: others.map((c) =>
      line(
        otherName(c),
        c.targets.flatMap(({ findings }) => findings),
      ),
    ),
    standing: [line(null, standingOf(ask, requests, source))],
  };
}

/** What the objects show in any of the states that the requests met. */
function standingOf(ask: Ask, requests: readonly Request[], source: SourceKind): readonly Finding[] {
  const states = requests.filter(({ snapshot }, i) => requests.findIndex((other) => other.snapshot === snapshot) === i);
  return states.flatMap((request) => {
    const { standing, troubles } = ask(viewOf([request], source), []);
    return [...standing, ...troubles.flatMap(({ client, findings }) => (client === null ? findings : []))];
  });
}

/** Counters tell no time, so that each failed request is judged by the objects in force at it. */
function viewsOf(requests: readonly Request[], failed: readonly Request[], source: SourceKind): readonly ClusterView[] {
  return source === 'metrics' ? failed.map((request) => viewOf([request], source)) : [viewOf(requests, source)];
}

/** Of what one client was denied, then of its trouble; and the edit that took its permission away. */
function findingsOf(
  ask: Ask,
  view: ClusterView,
  failed: readonly Request[],
  source: SourceKind,
): { readonly findings: readonly Finding[]; readonly changed: Line['changed'] } {
  const [first] = failed;
  if (first === undefined) return { findings: [], changed: null };
  const asked = failed.flatMap(askedOf);
  const { clients, troubles } = ask(view, asked);
  const mine = ofClient(clients, first.traffic.client, identitiesOf(failed, first.traffic.client), source).flatMap(
    ({ targets }) => targets,
  );
  const denied = mine.flatMap(({ findings }) => findings);
  const turned = mine.map(({ changed }) => changed?.turned ?? null).find((turn) => turn !== null) ?? null;
  return {
    findings: [...denied, ...troubles.slice(0, asked.length).flatMap(({ findings }) => findings)],
    changed:
      turned === null
        ? null
        : { at: showInstant(turned.at), edits: turned.edits.map(({ object, change }) => `${showRef(object)} ${change}`) },
  };
}

/** null: it never came as far as a server's proxy. */
function identitiesOf(requests: readonly Request[], client: Client): ReadonlySet<string> | null {
  const own = requests.filter(({ traffic }) => nameOf(traffic.client) === nameOf(client));
  return own.some(({ isSeen }) => isSeen) ? new Set(own.flatMap(({ identity }) => identity ?? [])) : null;
}

/** Of one id the first. */
function distinct(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ id }, i) => findings.findIndex((other) => other.id === id) === i);
}

export function nameOf({ namespace, app }: Client): string {
  return `${namespace}/${app}`;
}

function otherName({ client, tls }: ClientExplanation): string {
  if (client.node !== null && client.pod === null) return 'kubelet';
  const account = client.workload ?? client.serviceAccount;
  return account === null ? (client.identity ?? client.ip ?? tls?.state ?? 'unknown') : `${account.namespace}/${account.name}`;
}

/** Counters know identities alone: all clients without one are one client, and it may be any that showed none. */
function ofClient(
  clients: readonly ClientExplanation[],
  own: Client,
  identities: ReadonlySet<string> | null,
  source: SourceKind,
): readonly ClientExplanation[] {
  const byAddress = clients.filter(({ client, ips }) => {
    const isPod = client.pod !== null && client.pod.ref.name === own.pod && client.pod.ref.namespace === own.namespace;
    return isPod || (own.ip !== null && ips.includes(own.ip));
  });
  if (source === 'log' || byAddress.length > 0 || identities === null) return byAddress;
  const byIdentity = clients.filter(({ client }) => client.identity !== null && identities.has(client.identity));
  return byIdentity.length > 0 ? byIdentity : clients.filter(({ tls, ips }) => tls?.state !== 'established' && ips.length === 0);
}

export function askedOf({ at, traffic: { client, request } }: Request): readonly Asked[] {
  const url = request.url ?? `tcp://${request.tcp ?? request.grpc}`;
  const { hostname, port, protocol } = new URL(url);
  const dialled = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  const { namespace, pod, ip } = client;
  return [{ client: { namespace, pod: pod ?? '', ip }, host: hostname, port: dialled, at }];
}

/** The objects in force at each request, and what became of them between; `metrics` alone know nothing of pods' status. */
export function viewOf(requests: readonly Request[], source: SourceKind): ClusterView {
  const states = requests.map(({ at, snapshot }) => ({ at, snapshot: source === 'metrics' ? withoutStatus(snapshot) : snapshot }));
  const [first] = states;
  if (first === undefined) throw new Error('there is no request');
  const start = [...resourcesOf(first.snapshot)].map((resource): Change => ({ at: null, type: 'applied', resource }));
  const later = states.flatMap(({ at, snapshot }, i) => changesBetween((states[i - 1] ?? first).snapshot, snapshot, at));
  return createHistory([...start, ...later], first.snapshot.info);
}

/** When it happened is not recorded: before the request that met it. */
function changesBetween(before: Snapshot, after: Snapshot, at: Instant): readonly Change[] {
  if (before === after) return [];
  const [had, has] = [before, after].map((snapshot) => new Map([...resourcesOf(snapshot)].map((r) => [objectKey(refOf(r)), r])));
  const gone = [...(had ?? [])].filter(([key]) => has?.has(key) !== true);
  const come = [...(has ?? [])].filter(([key, resource]) => JSON.stringify(had?.get(key)) !== JSON.stringify(resource));
  return [
    ...gone.map(([, resource]): Change => ({ at, type: 'deleted', resource })),
    ...come.map(([, resource]): Change => ({ at, type: 'applied', resource })),
  ];
}

const stripped = new WeakMap<Snapshot, Snapshot>();

function withoutStatus(snapshot: Snapshot): Snapshot {
  const known = stripped.get(snapshot);
  if (known !== undefined) return known;
  const resources = [...resourcesOf(snapshot)].map((resource) => {
    if (resource.kind !== 'Pod' || typeof resource.status !== 'object' || resource.status === null) return resource;
    const { podIP, podIPs, hostIP } = resource.status as Record<string, unknown>;
    return { ...resource, status: { podIP, podIPs, hostIP } };
  });
  const made = buildSnapshot(resources, snapshot.info);
  stripped.set(snapshot, made);
  return made;
}

export function requestsOf(folder: Folder, scene: Scene): readonly Request[] {
  const { replay } = scene;
  const files = filesNamed(replay.beforeObjects);
  const known = new Map<string, Snapshot>();
  const lines = (folder.read('traffic.jsonl') ?? '').split('\n').filter((line) => line.trim() !== '');
  return lines.flatMap((raw, i): readonly Request[] => {
    const traffic = JSON.parse(raw) as Traffic;
    const entry = replay.before[i] ?? null;
    const named = entry?.objects === undefined ? files : ['cluster.json', entry.objects];
    const objects = named.length > 1 ? named : ['cluster.json', 'policy.yaml'];
    const key = JSON.stringify([objects, entry?.podAnnotations, entry?.target]);
    const snapshot = known.get(key) ?? scene.snapshot(objects, entry);
    known.set(key, snapshot);
    const identity = entry?.connection?.tls?.client_id ?? null;
    return [
      {
        identity,
        at: parseInstant(traffic.at) ?? 0,
        traffic,
        isSuccess: entry?.observed === 'allow',
        isSeen: entry?.target !== null,
        snapshot,
      },
    ];
  });
}

/** Whose log and page these are, as a person would say it. A pod that is not among the objects is stood for by the one that `replay.json` names. */
export function serverOf(folder: Folder, { before }: Replay): Reporter {
  const { server } = JSON.parse(folder.read('truth.json') ?? '{}') as {
    readonly server?: { readonly namespace: string; readonly pod: string };
  };
  const standIn = before.find(
    ({ answeredBy, target }) => target !== null && answeredBy?.pod !== undefined && answeredBy.pod === server?.pod,
  );
  const named =
    server === undefined ? before.find(({ target }) => target !== null)?.target : { namespace: server.namespace, name: server.pod };
  const own = standIn?.target ?? named;
  return { cluster: '', namespace: own?.namespace ?? null, pod: own?.name ?? null, workload: null };
}

/** By the names of their files. */
export function reportersOf(requests: readonly Request[]): ClientProxies {
  return new Map(
    requests.flatMap(({ traffic: { client } }): readonly [string, Reporter][] =>
      client.pod === null
        ? []
        : [[`${client.namespace}-${client.app}`, { cluster: '', namespace: client.namespace, pod: client.pod, workload: null }]],
    ),
  );
}
