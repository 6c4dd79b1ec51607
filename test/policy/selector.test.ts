import { describe, expect, it } from 'vitest';
import { readLinkerdSelector, readSelector, selects } from '../../src/policy/selector.ts';

const LABELS = { app: 'backend', tier: 'api', empty: '' };

function kubernetes(selector: unknown): boolean | null {
  const read = readSelector(selector);
  return read === null ? null : selects(read, LABELS);
}
function linkerd(selector: unknown): boolean | null {
  const read = readLinkerdSelector(selector);
  return read === null ? null : selects(read, LABELS);
}
const expression = (operator: string, key: string, ...values: readonly unknown[]) => ({
  matchExpressions: [{ key, operator, ...(values.length === 0 ? {} : { values: values[0] }) }],
});

describe('selects', () => {
  it.each([
    ['an empty selector takes everything', {}, true],
    ['labels are AND-ed', { matchLabels: { app: 'backend', tier: 'web' } }, false],
    ['a missing label is not the empty one', { matchLabels: { none: '' } }, false],
    ['an empty label is matched', { matchLabels: { empty: '' } }, true],
    ['In', expression('In', 'app', ['x', 'backend']), true],
    ['In without the label', expression('In', 'none', ['x']), false],
    ['NotIn', expression('NotIn', 'app', ['backend']), false],
    ['NotIn without the label', expression('NotIn', 'none', ['x']), true],
    ['Exists', expression('Exists', 'empty'), true],
    ['DoesNotExist', expression('DoesNotExist', 'app'), false],
    ['names of what every object inherits are no labels', expression('Exists', 'constructor'), false],
    ['labels and expressions are AND-ed', { matchLabels: { app: 'backend' }, ...expression('DoesNotExist', 'tier') }, false],
  ])('%s', (_what, selector, expected) => {
    expect([kubernetes(selector), linkerd(selector)]).toEqual([expected, expected]);
  });

  it.each([
    ['Exists with an empty list', expression('Exists', 'app', []), true],
    ['Exists with values', expression('Exists', 'app', ['x']), true],
    ['DoesNotExist with an empty list', expression('DoesNotExist', 'none', []), true],
    ['NotIn without a list', expression('NotIn', 'app'), true],
    ['NotIn with null', expression('NotIn', 'app', null), true],
  ])(
    'to Linkerd %s is illegal, and nothing fulfils it (linkerd2 `policy-controller/k8s/api/src/labels.rs`)',
    (_what, selector, inKubernetes) => {
      expect([kubernetes(selector), linkerd(selector)]).toEqual([inKubernetes, false]);
    },
  );

  it.each([
    null,
    'app=backend',
    [],
    { matchLabels: { app: 1 } },
    expression('Equals', 'app'),
    { matchExpressions: [{ operator: 'Exists' }] },
  ])('what is no selector is not read: %j', (selector) => {
    expect(kubernetes(selector)).toBeNull();
    expect(linkerd(selector)).toBeNull();
  });
});
