/** Who would lose and gain access: `simulate`, for `lint --against`. */
import type { Against, Shift } from '../lint/against.ts';
import { isEqual } from '../manifests/json-patch.ts';
import { type Resource, refOf } from '../policy/resource.ts';
import { findResource, type ObjectChange, type Snapshot } from '../policy/snapshot.ts';
import type { ClusterRecord } from '../ports.ts';
import type { ObservedTraffic } from './observed-traffic.ts';
import { OPTION_WORDS } from './question-words.ts';
import { type PlannedChange, plannedChange } from './simulate-change.ts';
import { type SimulatedEntry, simulate } from './simulate-run.ts';

/** `before`: the cluster as it is; `record`: what would be applied. */
export function against(before: Snapshot, record: ClusterRecord, observed: ObservedTraffic): Against {
  const whole = plannedChange(before, record, { deleted: [], prune: false, namespace: null }, OPTION_WORDS);
  const changes = whole.changes.filter((change) => 'apply' in change && isChanged(before, change.apply));
  const planned: PlannedChange = { ...whole, changes };
  const options = { observed, possible: true };
  const { entries } = simulate(before, planned, options);
  const causeOf = createCauses(changes, (left) => simulate(before, { ...planned, changes: left }, options).entries);
  const shifts = entries.flatMap((entry): readonly Shift[] =>
    entry.outcome === 'undecided' ? [] : [{ ...entry, outcome: entry.outcome, cause: causeOf(entry) }],
  );
  return { isObserved: observed.traffic.length > 0, shifts };
}

/** Each object is tried alone, and that takes a simulation each. */
const MOST_TRIED = 20;
/** Where several are needed, or too many to try: what takes a port before what opens it. */
const ORDER = [
  'Server',
  'HTTPRoute',
  'GRPCRoute',
  'AuthorizationPolicy',
  'ServerAuthorization',
  'MeshTLSAuthentication',
  'NetworkAuthentication',
];

function createCauses(changes: readonly ObjectChange[], without: (left: readonly ObjectChange[]) => readonly SimulatedEntry[]) {
  const objects = changes.flatMap((change) => ('apply' in change ? [change.apply] : []));
  const left = new Map<Resource, ReadonlySet<string>>();
  const leftWithout = (object: Resource): ReadonlySet<string> => {
    const known = left.get(object);
    if (known !== undefined) return known;
    const keys = new Set(without(changes.filter((change) => !('apply' in change && change.apply === object))).flatMap(keysOf));
    left.set(object, keys);
    return keys;
  };
  return (entry: SimulatedEntry) => {
    const near = objects.filter((object) => isNear(object, entry)).toSorted((a, b) => rank(a) - rank(b));
    const [only] = near;
    if (near.length === 0 || only === undefined) return null;
    const tried = near.length === 1 || objects.length > MOST_TRIED ? [] : near;
    const cause = tried.find((object) => keysOf(entry).every((key) => !leftWithout(object).has(key)));
    const decides = near.find(({ kind, metadata }) => kind === entry.object?.kind && metadata.name === entry.object.name);
    return refOf(cause ?? (entry.outcome === 'newly-allowed' ? decides : undefined) ?? only);
  };
}

function keysOf({ outcome, kind, client, namespace, servers, port, requests }: SimulatedEntry): readonly string[] {
  return servers.flatMap((server) => requests.map((request) => JSON.stringify([outcome, kind, client, namespace, server, port, request])));
}

function rank({ kind }: Resource): number {
  const at = ORDER.indexOf(kind);
  return at < 0 ? ORDER.length : at;
}

/** Authentications may be of another namespace; everything else is of the server's. */
function isNear({ kind, metadata }: Resource, { namespace, isNetwork }: SimulatedEntry): boolean {
  if ((kind === 'NetworkPolicy') !== isNetwork) return false;
  return metadata.namespace === namespace || kind.endsWith('Authentication') || (kind === 'Namespace' && metadata.name === namespace);
}

/** What is there as it is written changes nothing. */
function isChanged(before: Snapshot, object: Resource): boolean {
  const known = findResource(before, refOf(object));
  if (known === null) return true;
  const { labels = {}, annotations = {} } = known.metadata;
  const keeps = (own: Readonly<Record<string, string>>, next: Readonly<Record<string, string>> = {}) =>
    Object.entries(next).every(([key, value]) => own[key] === value);
  return !isEqual(known.spec, object.spec) || !keeps(labels, object.metadata.labels) || !keeps(annotations, object.metadata.annotations);
}
