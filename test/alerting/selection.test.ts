import { describe, expect, it } from 'vitest';
import { type ClusterObject, selectionBy } from '../../src/alerting/selection.ts';
import { readSelector, selects } from '../../src/policy/selector.ts';

const RULE = { namespace: 'monitoring', name: 'denywhy', labels: { 'app.kubernetes.io/name': 'denywhy' } };
const NAMESPACES = [{ name: 'monitoring', labels: { team: 'platform' } }];

function selectionOf(spec: object, { rule = RULE, namespaces = NAMESPACES } = {}) {
  const prometheus: ClusterObject = { namespace: 'prom', name: 'k8s', labels: {}, spec };
  return selectionBy(prometheus, rule, namespaces, (selector, labels) => {
    const read = readSelector(selector);
    return read === null ? null : selects(read, labels);
  });
}

const ALL = { ruleSelector: {}, ruleNamespaceSelector: {} };

describe('a rule is selected', () => {
  it.each([
    ['by {} and {}', ALL],
    ['by a label that it has', { ...ALL, ruleSelector: { matchLabels: { 'app.kubernetes.io/name': 'denywhy' } } }],
    ['by a label of its namespace', { ...ALL, ruleNamespaceSelector: { matchLabels: { team: 'platform' } } }],
    ['by the name of its namespace', { ...ALL, ruleNamespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
  ])('%s', (_, spec) => {
    expect(selectionOf(spec)).toMatchObject({ prometheus: 'prom/k8s', isSelected: true, reasons: [], warnings: [] });
  });

  it('from its own namespace where there is no ruleNamespaceSelector', () => {
    expect(selectionOf({ ruleSelector: {} }, { rule: { ...RULE, namespace: 'prom' } }).isSelected).toBe(true);
  });

  it('by the name of its namespace, although the Namespace is not at hand', () => {
    const spec = { ...ALL, ruleNamespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } };
    expect(selectionOf(spec, { namespaces: [] }).isSelected).toBe(true);
  });
});

describe('a rule is not selected, and it is said what to do', () => {
  it.each([
    ['no ruleSelector at all', { ruleNamespaceSelector: {} }, 'takes no rule at all'],
    ['a ruleSelector that is null', { ...ALL, ruleSelector: null }, 'takes no rule at all'],
    ['the label of a Helm release', { ...ALL, ruleSelector: { matchLabels: { release: 'kps' } } }, 'add --label release=kps'],
    ['an expression', { ...ALL, ruleSelector: { matchExpressions: [{ key: 'role', operator: 'Exists' }] } }, 'see its matchExpressions'],
    ['a malformed ruleSelector', { ...ALL, ruleSelector: { matchExpressions: [{ key: 'a', operator: 'Like' }] } }, 'cannot be read'],
    ['no ruleNamespaceSelector', { ruleSelector: {} }, 'use --namespace prom'],
    [
      'another namespace',
      { ...ALL, ruleNamespaceSelector: { matchLabels: { team: 'shop' } } },
      'does not match the labels of namespace monitoring',
    ],
  ])('%s', (_, spec, reason) => {
    const selection = selectionOf(spec);
    expect(selection.isSelected).toBe(false);
    expect(selection.reasons.join('\n')).toContain(reason);
  });

  it('every reason is given at once', () => {
    expect(selectionOf({ ruleSelector: { matchLabels: { release: 'kps' } } }).reasons).toHaveLength(2);
  });
});

it.each([
  ['asks for a label', { matchLabels: { team: 'platform' } }],
  ['asks for the absence of one', { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] }],
])('nobody knows where the selector %s and the Namespace is not at hand', (_, ruleNamespaceSelector) => {
  const selection = selectionOf({ ...ALL, ruleNamespaceSelector }, { namespaces: [] });
  expect(selection.isSelected).toBeNull();
  expect(selection.reasons.join()).toContain('kubectl get namespaces');
});

describe('enforcedNamespaceLabel', () => {
  const enforced = { ...ALL, enforcedNamespaceLabel: 'namespace' };
  const excluded = (reference: object) => ({
    ...enforced,
    excludedFromEnforcement: [{ group: 'monitoring.coreos.com', resource: 'prometheusrules', ...reference }],
  });

  it('hides denials elsewhere', () => {
    expect(selectionOf(enforced).warnings.join()).toContain('namespace="monitoring"');
  });

  it.each([
    [{ namespace: 'monitoring' }, 0],
    [{ namespace: 'monitoring', name: 'denywhy' }, 0],
    [{ namespace: 'monitoring', name: 'other' }, 1],
    [{ namespace: 'other' }, 1],
    [{ namespace: 'monitoring', resource: 'podmonitors' }, 1],
  ])('unless %j is excluded: %d warnings', (reference, warnings) => {
    expect(selectionOf(excluded(reference)).warnings).toHaveLength(warnings);
  });
});

it.each([
  [{}, null],
  [{ version: 'v2.55.1' }, 'v2.55.1'],
  [{ version: 3 }, null],
])('the version of %j is %j', (spec, version) => {
  expect(selectionOf({ ...ALL, ...spec }).version).toBe(version);
});

it.each([null, 'text', [], 7])('a spec that is %j selects nothing', (spec) => {
  expect(selectionOf(spec as object).isSelected).toBe(false);
});
