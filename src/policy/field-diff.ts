/** What differs between two versions of an object, field by field: what a person wrote, without what the API server adds. */
import { parse } from 'yaml';
import type { Resource } from './resource.ts';
import { isObject } from './selector.ts';

/** One field. A value is its JSON, cut where it is long; null: the field was not (is not) there. */
export interface FieldChange {
  /** As in JSONPath: `spec.identities[0]`, `metadata.labels["app.kubernetes.io/name"]`. */
  readonly path: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface FieldDiff {
  readonly fields: readonly FieldChange[];
  /** Fields beyond those. */
  readonly more: number;
}

const MOST_FIELDS = 16;
const LONGEST = 256;
const LONGEST_PATH = 256;
const DEEPEST = 24;
/** Fields that are looked at; beyond them an object differs as a whole. */
const MOST_LOOKS = 20_000;

/** Linear in the size of the objects, up to a bound. */
export function fieldDiff(before: Resource, after: Resource): FieldDiff {
  const found: FieldChange[] = [];
  const budget = { left: MOST_LOOKS, more: 0 };
  compare(spoken(before), spoken(after), '', 0, found, budget);
  return { fields: found, more: budget.more };
}

interface Budget {
  left: number;
  more: number;
}

/** kubectl's copy of the whole, and what the ReplicaSet names its pods by. */
const SAID_BY_MACHINES: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'pod-template-hash',
  'controller-revision-hash',
  'pod-template-generation',
]);

/** Not status, but that of routes and limits: Linkerd reads it. */
function spoken({ kind, metadata, spec, data, status }: Resource): unknown {
  const { labels = {}, annotations = {} } = metadata;
  const said = (map: Readonly<Record<string, string>>) => new Map(Object.entries(map).filter(([name]) => !SAID_BY_MACHINES.has(name)));
  return new Map<string, unknown>([
    [
      'metadata',
      new Map<string, unknown>([
        ['labels', said(labels)],
        ['annotations', said(annotations)],
      ]),
    ],
    ['spec', spec],
    ['data', kind === 'ConfigMap' ? unfolded(data) : data],
    ...(kind === 'Pod' ? [] : [['status', status] as const]),
  ]);
}

/** `linkerd-config` holds its settings as one text. */
function unfolded(data: unknown): unknown {
  if (!isObject(data) || typeof data['values'] !== 'string') return data;
  try {
    return { ...data, values: parse(data['values'], { maxAliasCount: 0 }) };
  } catch {
    return data;
  }
}

/** Of conditions. */
const CLOCKS: ReadonlySet<string> = new Set(['lastTransitionTime', 'observedGeneration']);

function entriesOf(value: unknown): ReadonlyMap<string, unknown> | null {
  if (value instanceof Map) return value;
  return isObject(value) ? new Map(Object.entries(value).filter(([key]) => !CLOCKS.has(key))) : null;
}

function compare(before: unknown, after: unknown, path: string, depth: number, found: FieldChange[], budget: Budget): void {
  if (before === after || --budget.left < 0) return;
  const [left, right] = [entriesOf(before), entriesOf(after)];
  if (depth < DEEPEST && left !== null && right !== null) {
    for (const key of new Set([...left.keys(), ...right.keys()]))
      compare(left.get(key), right.get(key), step(path, key), depth + 1, found, budget);
  } else if (depth < DEEPEST && Array.isArray(before) && Array.isArray(after)) compareLists(before, after, path, depth, found, budget);
  else if (show(before) !== show(after)) report(before, after, path, found, budget);
}

/** What both lists begin and end with is left aside; what is between is taken in its order. */
function compareLists(
  before: readonly unknown[],
  after: readonly unknown[],
  path: string,
  depth: number,
  found: FieldChange[],
  budget: Budget,
) {
  const [left, right] = [before.map(show), after.map(show)];
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start++;
  let tail = 0;
  while (tail < Math.min(left.length, right.length) - start && left.at(-1 - tail) === right.at(-1 - tail)) tail++;
  for (let i = start; i < Math.max(before.length, after.length) - tail; i++) {
    const [one, other] = [i < before.length - tail ? before[i] : undefined, i < after.length - tail ? after[i] : undefined];
    compare(one, other, `${path}[${i}]`, depth + 1, found, budget);
  }
}

function report(before: unknown, after: unknown, path: string, found: FieldChange[], budget: Budget): void {
  if (found.length >= MOST_FIELDS) budget.more++;
  else found.push({ path: path.slice(0, LONGEST_PATH), before: cut(before), after: cut(after) });
}

const PLAIN = /^[A-Za-z_][\w-]*$/;

function step(path: string, key: string): string {
  if (!PLAIN.test(key)) return `${path}[${JSON.stringify(key.slice(0, LONGEST_PATH))}]`;
  return path === '' ? key : `${path}.${key}`;
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? '';
}

/** Text as it is, anything else as JSON. */
function cut(value: unknown): string | null {
  if (value === undefined) return null;
  const text = typeof value === 'string' ? value : show(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
