/**
 * Turns parsed YAML into plain values the way kubectl does (sigs.k8s.io/yaml): YAML 1.1 booleans, merge keys, no key twice.
 * Bounded in depth and in what aliases expand to, and linear, which `yaml`'s own `toJS` is not.
 */
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, Scalar, type YAMLMap } from 'yaml';
import { isTooDeep, MAX_DEPTH } from './document.ts';

/** A fault at a node: `offset` in the text that was parsed. */
export class YamlFault extends Error {
  readonly offset: number;
  readonly remedy: string;

  constructor(message: string, remedy: string, offset: number) {
    super(message);
    this.offset = offset;
    this.remedy = remedy;
  }
}

/** How many values aliases may stand for in one document, all told. */
const MAX_ALIASED = 100_000;

const YES = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON']);
const NO = new Set(['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF']);

interface Anchored {
  readonly value: unknown;
  /** How many values it holds, with what its own aliases stand for. */
  readonly size: number;
}

interface State {
  readonly anchors: Map<string, Anchored>;
  /** Values so far. */
  size: number;
  /** Of these, through aliases. */
  aliased: number;
}

/** Throws YamlFault. */
export function toValue(node: Node | null): unknown {
  const state = { anchors: new Map<string, Anchored>(), size: 0, aliased: 0 };
  const value = convert(node, state, MAX_DEPTH);
  if (node !== null && state.aliased > 0 && isTooDeep(value, MAX_DEPTH)) throw tooDeep(offsetOf(node));
  return value;
}

export function tooDeep(offset: number): YamlFault {
  return new YamlFault(`Values are nested more than ${MAX_DEPTH} deep here.`, 'No Kubernetes object is: take this one out.', offset);
}

function convert(node: Node | null, state: State, left: number): unknown {
  if (node === null) return null;
  if (left < 0) throw tooDeep(offsetOf(node));
  if (isAlias(node)) return aliased(node.source, state, offsetOf(node));
  const before = state.size;
  state.size++;
  const value = isMap(node) ? mapping(node, state, left - 1) : isSeq(node) ? sequence(node.items, state, left - 1) : scalar(node);
  const anchor = 'anchor' in node ? node.anchor : undefined;
  if (anchor !== undefined) state.anchors.set(anchor, { value, size: state.size - before });
  return value;
}

function aliased(anchor: string, state: State, offset: number): unknown {
  const known = state.anchors.get(anchor);
  if (known === undefined) {
    throw new YamlFault(
      `The alias *${anchor} has no anchor &${anchor} before it.`,
      'Write the value out, or set the anchor first.',
      offset,
    );
  }
  state.size += known.size;
  state.aliased += known.size;
  if (state.aliased > MAX_ALIASED) {
    throw new YamlFault(
      `Aliases stand for more than ${MAX_ALIASED.toLocaleString('en')} values here.`,
      'Such a file is made to exhaust its reader: write the values out.',
      offset,
    );
  }
  return known.value;
}

function sequence(items: readonly unknown[], state: State, left: number): unknown[] {
  return items.map((item) => convert(item as Node | null, state, left));
}

function mapping(node: YAMLMap, state: State, left: number): Record<string, unknown> {
  const own = new Map<string, unknown>();
  const merged: Record<string, unknown>[] = [];
  for (const pair of node.items as Pair<Node, Node | null>[]) {
    if (isMergeKey(pair.key)) {
      for (const source of mergeSources(pair, state, left)) merged.push(source);
      continue;
    }
    const key = keyOf(pair.key, node);
    if (own.has(key)) throw new YamlFault(`The key "${key}" stands twice in one mapping.`, 'Keep one of them.', offsetOf(pair.key));
    own.set(key, convert(pair.value, state, left));
  }
  for (const source of merged) for (const [key, value] of Object.entries(source)) if (!own.has(key)) own.set(key, value);
  return Object.fromEntries(own);
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.type === Scalar.PLAIN && key.value === '<<';
}

function mergeSources(pair: Pair<Node, Node | null>, state: State, left: number): Record<string, unknown>[] {
  const value = convert(pair.value, state, left);
  const sources: unknown[] = Array.isArray(value) ? value : [value];
  for (const source of sources) {
    if (typeof source !== 'object' || source === null || Array.isArray(source)) {
      throw new YamlFault('The merge key << takes mappings only.', 'Write the values out.', offsetOf(pair.key));
    }
    // What is copied counts as if it were written out: merges may not multiply without bound either.
    state.aliased += Object.keys(source).length;
  }
  return sources as Record<string, unknown>[];
}

function keyOf(key: Node | null, map: Node): string {
  if (isScalar(key)) return key.source ?? String(key.value ?? '');
  throw new YamlFault(
    'A mapping stands where a key must be.',
    'If this is a template, render it first: helm template … > rendered.yaml. Else put the text in quotes.',
    offsetOf(key ?? map),
  );
}

function scalar(node: Node): unknown {
  if (!isScalar(node)) return null;
  if (node.type === Scalar.PLAIN && typeof node.value === 'string' && node.tag === undefined) {
    if (YES.has(node.value)) return true;
    if (NO.has(node.value)) return false;
  }
  return typeof node.value === 'bigint' ? Number(node.value) : node.value;
}

function offsetOf(node: Node): number {
  return node.range?.[0] ?? 0;
}
