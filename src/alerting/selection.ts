/** Whether a Prometheus of the operator takes a PrometheusRule, and why not (prometheus-operator `pkg/operator/rules.go`, API `PrometheusSpec`). */
import { fieldsOf } from '../manifests/object.ts';
import type { RuleMetadata } from './manifest.ts';

/** An object of the cluster, as far as it is asked here. */
export interface ClusterObject {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly spec: unknown;
}

type Labels = Readonly<Record<string, string>>;

/** What a label selector says; null: it is malformed. */
export type Selects = (selector: unknown, labels: Labels) => boolean | null;

export interface RuleSelection {
  /** `namespace/name` of the Prometheus. */
  readonly prometheus: string;
  /** null: the input does not tell. */
  readonly isSelected: boolean | null;
  /** What stands in the way, each with what to do. */
  readonly reasons: readonly string[];
  /** It is selected and does something else than one would think. */
  readonly warnings: readonly string[];
  /** `spec.version`; null: not given. */
  readonly version: string | null;
}

interface Verdict {
  readonly holds: boolean | null;
  readonly reason: string | null;
}

const YES: Verdict = { holds: true, reason: null };

/** `namespaces`: the Namespace objects of the input. */
export function selectionBy(
  prometheus: ClusterObject,
  rule: RuleMetadata,
  namespaces: readonly Pick<ClusterObject, 'name' | 'labels'>[],
  selects: Selects,
): RuleSelection {
  const spec = fieldsOf(prometheus.spec) ?? {};
  const verdicts = [
    byLabels(spec['ruleSelector'], rule, selects),
    byNamespace(spec['ruleNamespaceSelector'], prometheus, rule, namespaces, selects),
  ];
  const version = spec['version'];
  return {
    prometheus: `${prometheus.namespace}/${prometheus.name}`,
    isSelected: verdicts.some(({ holds }) => holds === false) ? false : verdicts.every(({ holds }) => holds) ? true : null,
    reasons: verdicts.flatMap(({ reason }) => (reason === null ? [] : [reason])),
    warnings: enforcement(spec, rule),
    version: typeof version === 'string' ? version : null,
  };
}

function byLabels(selector: unknown, { labels }: RuleMetadata, selects: Selects): Verdict {
  if (selector === undefined || selector === null)
    return { holds: false, reason: 'it has no ruleSelector, and then takes no rule at all: set spec.ruleSelector, {} for every rule.' };
  const holds = selects(selector, labels);
  if (holds === null) return { holds: false, reason: 'its ruleSelector cannot be read: kubectl explain prometheus.spec.ruleSelector.' };
  if (holds) return YES;
  const wanted = Object.entries(fieldsOf(fieldsOf(selector)?.['matchLabels']) ?? {}).filter(([key, value]) => labels[key] !== value);
  const flags = wanted.map(([key, value]) => `--label ${key}=${String(value)}`).join(' ');
  const hint = flags === '' ? 'see its matchExpressions' : `add ${flags}`;
  return { holds: false, reason: `its ruleSelector does not match the rule’s labels: ${hint}.` };
}

function byNamespace(
  selector: unknown,
  prometheus: ClusterObject,
  { namespace }: RuleMetadata,
  namespaces: readonly Pick<ClusterObject, 'name' | 'labels'>[],
  selects: Selects,
): Verdict {
  if (selector === undefined || selector === null) {
    if (namespace === prometheus.namespace) return YES;
    return {
      holds: false,
      reason: `without a ruleNamespaceSelector it looks at its own namespace alone: use --namespace ${prometheus.namespace}.`,
    };
  }
  const known = namespaces.find(({ name }) => name === namespace);
  // Every namespace has this label, whether or not its object is at hand.
  const labels = { 'kubernetes.io/metadata.name': namespace, ...known?.labels };
  const holds = selects(selector, labels);
  if (holds === null) return { holds: false, reason: 'its ruleNamespaceSelector cannot be read.' };
  if (holds && (known !== undefined || !asksForAbsence(selector))) return YES;
  if (known === undefined)
    return {
      holds: null,
      reason: `its ruleNamespaceSelector asks for labels of namespace ${namespace}, which the input lacks: add kubectl get namespaces -o yaml.`,
    };
  return {
    holds: false,
    reason: `its ruleNamespaceSelector does not match the labels of namespace ${namespace}: use another --namespace.`,
  };
}

function asksForAbsence(selector: unknown): boolean {
  const expressions = fieldsOf(selector)?.['matchExpressions'];
  return Array.isArray(expressions) && expressions.some((each) => ['NotIn', 'DoesNotExist'].includes(String(fieldsOf(each)?.['operator'])));
}

/** The operator writes the rule's own namespace into every expression and every alert, unless the rule is excluded. */
function enforcement(spec: Readonly<Record<string, unknown>>, rule: RuleMetadata): readonly string[] {
  const label = spec['enforcedNamespaceLabel'];
  if (typeof label !== 'string' || label === '' || isExcluded(spec['excludedFromEnforcement'], rule)) return [];
  return [
    `enforcedNamespaceLabel: ${label} restricts every expression to ${label}="${rule.namespace}", so that denials elsewhere are not seen: list the rule in spec.excludedFromEnforcement.`,
  ];
}

function isExcluded(list: unknown, { namespace, name }: RuleMetadata): boolean {
  if (!Array.isArray(list)) return false;
  return list.map(fieldsOf).some((reference) => {
    if (reference === null || reference['resource'] !== 'prometheusrules' || reference['namespace'] !== namespace) return false;
    const named = reference['name'];
    return named === undefined || named === '' || named === name;
  });
}
