import type { Path } from '../manifests/document.ts';
import type { Resource } from '../policy/resource.ts';
import { readSelector, selects } from '../policy/selector.ts';
import { namespaceLabels, resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import { podsIn } from './effect.ts';
import { networkPoliciesIn } from './networks.ts';
import { type Fields, fieldsAt, itemsAt, some } from './objects.ts';
import type { LintRule } from './rule.ts';

/** Labels that no namespace has by itself, and what is meant by them. */
const NOT_BY_ITSELF: ReadonlyMap<string, string> = new Map([
  ['linkerd.io/control-plane-ns', 'linkerd install writes it on its namespace; an installation by Helm does not.'],
  ['name', 'Kubernetes itself writes kubernetes.io/metadata.name, and no label name.'],
]);

export const networkPolicySelectsNothing: LintRule = {
  code: 'network-policy-selects-nothing',
  title: 'a NetworkPolicy names peers that do not exist',
  *check({ resources, snapshot, isWhole }) {
    for (const { object } of networkPoliciesIn(resources)) {
      for (const [path, peer] of peersOf(object)) {
        const found = faultOf(snapshot, object, peer, isWhole);
        if (found === null) continue;
        yield {
          severity: isWhole ? 'error' : 'warning',
          object,
          path: [...path, found.at],
          problem: found.problem,
          effect: `Where nothing has these labels, the rule allows ${path[1] === 'egress' ? 'nothing to be reached' : 'nobody in'}. NetworkPolicy says so nowhere: connections time out.`,
          right: found.right,
          edits: [],
        };
      }
    }
  },
};

function peersOf(object: Resource): readonly (readonly [Path, Fields])[] {
  return (['ingress', 'egress'] as const).flatMap((direction) => {
    const list = direction === 'ingress' ? 'from' : 'to';
    return itemsAt(object, 'spec', direction).flatMap(([rule, content]) =>
      itemsAt(content, list).map(([i, peer]) => [['spec', direction, rule, list, i], peer] as const),
    );
  });
}

interface Fault {
  readonly at: 'namespaceSelector' | 'podSelector';
  readonly problem: string;
  readonly right: string;
}

function faultOf(snapshot: Snapshot, object: Resource, peer: Fields, isWhole: boolean): Fault | null {
  const selector = peer['namespaceSelector'] === undefined ? null : readSelector(peer['namespaceSelector']);
  const names = [...resourcesOfKind(snapshot, '', 'Namespace', '').keys()];
  const chosen =
    selector === null ? [object.metadata.namespace] : names.filter((name) => selects(selector, namespaceLabels(snapshot, name) ?? {}));
  const labels = fieldsAt(peer, 'namespaceSelector', 'matchLabels');
  const written = Object.entries(labels).map(([key, value]) => `${key}: ${String(value)}`);
  if (selector !== null && chosen.length === 0) {
    const odd = Object.keys(labels).find((key) => NOT_BY_ITSELF.has(key));
    if (!isWhole && odd === undefined) return null;
    return {
      at: 'namespaceSelector',
      problem:
        `No namespace${isWhole ? '' : ' among the objects'} has the label${written.length === 1 ? '' : 's'} ${written.join(', ')}. ${odd === undefined ? '' : NOT_BY_ITSELF.get(odd)}`.trim(),
      right: odd === undefined ? `Namespaces that are there: ${some(names, 5)}` : `kubernetes.io/metadata.name: ${String(labels[odd])}`,
    };
  }
  if (!isWhole || peer['podSelector'] === undefined) return null;
  const pods = readSelector(peer['podSelector']);
  if (pods === null || chosen.some((name) => podsIn(snapshot, name).some((pod) => selects(pods, pod.labels)))) return null;
  return {
    at: 'podSelector',
    problem: `No pod of ${some(chosen, 3)} has these labels.`,
    right: 'The labels of the pods: kubectl get pods --show-labels',
  };
}
