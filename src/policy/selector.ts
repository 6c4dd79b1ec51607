/** Kubernetes label selectors. */

export type Labels = Readonly<Record<string, string>>;

type Expression = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
};

/** An empty selector takes everything. */
export interface Selector {
  readonly matchLabels: readonly (readonly [key: string, value: string])[];
  readonly matchExpressions: readonly Expression[];
}

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

/** Reads a LabelSelector; null when it is malformed. */
export function readSelector(value: unknown): Selector | null {
  if (!isObject(value)) return null;
  const matchLabels: [string, string][] = [];
  for (const [key, v] of Object.entries(isObject(value['matchLabels']) ? value['matchLabels'] : {})) {
    if (typeof v !== 'string') return null;
    matchLabels.push([key, v]);
  }
  const matchExpressions: Expression[] = [];
  for (const e of Array.isArray(value['matchExpressions']) ? value['matchExpressions'] : []) {
    const operator = OPERATORS.find((op) => isObject(e) && op === e['operator']);
    if (!isObject(e) || typeof e['key'] !== 'string' || operator === undefined) return null;
    const values = Array.isArray(e['values']) ? e['values'].filter((v) => typeof v === 'string') : [];
    matchExpressions.push({ key: e['key'], operator, values });
  }
  return { matchLabels, matchExpressions };
}

/**
 * Reads a selector of Linkerd's own objects (linkerd2 `policy-controller/k8s/api/src/labels.rs`). Where Kubernetes passes over what an expression
 * says too much, or takes a missing list as empty, Linkerd calls the expression illegal, and nothing fulfils it: `Exists` and `DoesNotExist`
 * with `values` (an empty list counts), `In` and `NotIn` without.
 */
export function readLinkerdSelector(value: unknown): Selector | null {
  const selector = readSelector(value);
  if (selector === null || !isObject(value) || !Array.isArray(value['matchExpressions'])) return selector;
  const given: readonly unknown[] = value['matchExpressions'];
  const matchExpressions = selector.matchExpressions.map((e, i): Expression => {
    const written = given[i];
    const asksForValues = e.operator === 'In' || e.operator === 'NotIn';
    const isLegal = asksForValues === (isObject(written) && written['values'] != null);
    return isLegal ? e : { ...e, operator: 'In', values: [] };
  });
  return { ...selector, matchExpressions };
}

export function selects(selector: Selector, labels: Labels): boolean {
  for (const [key, value] of selector.matchLabels) if (labels[key] !== value) return false;
  return selector.matchExpressions.every((e) => expressionHolds(e, labels));
}

function expressionHolds(e: Expression, labels: Labels): boolean {
  const value = Object.hasOwn(labels, e.key) ? labels[e.key] : undefined;
  switch (e.operator) {
    case 'In':
      return value !== undefined && e.values.includes(value);
    case 'NotIn':
      return value === undefined || !e.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
