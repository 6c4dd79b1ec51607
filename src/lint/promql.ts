/** What the expressions of a PrometheusRule ask for. */

import { parser } from '@prometheus-io/lezer-promql';
import type { Path } from '../manifests/document.ts';
import { coversWhole } from '../policy/regex.ts';
import type { Resource } from '../policy/resource.ts';
import { itemsAt, ofKind, textAt } from './objects.ts';

export interface Selection {
  /** null: by labels alone. */
  readonly metric: string | null;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
  /** Labels that an aggregation around it groups by, but for those that an expression makes. */
  readonly grouping: readonly string[];
  /** Functions around it, the nearest first. */
  readonly functions: readonly string[];
}

export interface RuleExpression {
  readonly object: Resource;
  readonly path: Path;
  /** Of the alert or recording. */
  readonly name: string;
  readonly expression: string;
  readonly selections: readonly Selection[];
}

export function expressionsIn(resources: readonly Resource[]): readonly RuleExpression[] {
  return ofKind(resources, 'monitoring.coreos.com', 'PrometheusRule').flatMap((object) =>
    itemsAt(object, 'spec', 'groups').flatMap(([group, content]) =>
      itemsAt(content, 'rules').flatMap(([rule, { expr, ...rest }]) => {
        if (typeof expr !== 'string' || expr.length > 20_000) return [];
        const name = textAt(rest, 'alert') ?? textAt(rest, 'record') ?? '';
        return [{ object, path: ['spec', 'groups', group, 'rules', rule, 'expr'], name, expression: expr, selections: selectionsIn(expr) }];
      }),
    ),
  );
}

/** Whether a matcher takes series that lack its label: to Prometheus the value is empty then, and expressions are anchored. */
export function takesEmpty({ operator, value }: Selection['matchers'][number]): boolean {
  if (operator === '=' || operator === '!=') return (operator === '=') === (value === '');
  return (operator === '=~') === coversWhole(`^(?:${value})$`, '');
}

type Tree = ReturnType<typeof parser.parse>;
type Node = Tree['topNode'];

function selectionsIn(text: string): readonly Selection[] {
  const found: Selection[] = [];
  parser.parse(text).iterate({
    enter({ node }) {
      if (node.name !== 'VectorSelector') return;
      const of = (child: Node): string => text.slice(child.from, child.to);
      const identifier = node.getChild('Identifier');
      const matchers = descendants(node, ['UnquotedLabelMatcher', 'QuotedLabelMatcher']).map((matcher) => {
        const [, label = '', operator = '', quoted = ''] = /^\s*"?([^"=!~\s]+)"?\s*(=~|!~|!=|=)\s*([\s\S]*)$/.exec(of(matcher)) ?? [];
        return { label, operator, value: quoted.trim().slice(1, -1) };
      });
      const around = ancestors(node);
      found.push({
        metric: identifier === null ? null : of(identifier),
        matchers,
        grouping: around.flatMap((one) => (makesLabels(of(one)) ? [] : groupedBy(one, of))),
        functions: around.filter(({ name }) => name === 'FunctionCall').map((call) => /^\s*(\w+)/.exec(of(call))?.[1] ?? ''),
      });
    },
  });
  return found;
}

/** `label_replace` and `label_join` write labels that no series has. */
function makesLabels(text: string): boolean {
  return /\blabel_(?:replace|join)\b/.test(text);
}

/** `by (…)` of an aggregation; what `without` names is gone anyway. */
function groupedBy(node: Node, of: (node: Node) => string): readonly string[] {
  const clause = node.getChild('AggregateModifier');
  const labels = clause?.getChild('By') == null ? null : clause.getChild('GroupingLabels');
  return labels === null ? [] : (of(labels).match(/[a-zA-Z_]\w*/g) ?? []);
}

function ancestors(node: Node): readonly Node[] {
  const found: Node[] = [];
  for (let at = node.parent; at !== null; at = at.parent) found.push(at);
  return found;
}

function descendants(node: Node, names: readonly string[], but: readonly string[] = []): readonly Node[] {
  const found: Node[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (names.includes(child.name)) found.push(child);
    else if (!but.includes(child.name)) found.push(...descendants(child, names, but));
  }
  return found;
}
