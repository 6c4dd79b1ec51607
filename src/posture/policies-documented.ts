/** Each policy says what is allowed and why, and whom to ask. */
import { groupOf, type Resource } from '../policy/resource.ts';
import { namespaceIndex, resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { Evidence, Judgement, Practice } from './practice.ts';
import { counted, eachOf, evidence, holds, quoted } from './wording.ts';

export const policiesDocumented: Practice = {
  id: 'policies-documented',
  title: 'policies say what they are for, and whose they are',
  judge({ snapshot }, namespace) {
    const objects = policiesIn(snapshot, namespace);
    return objects.length === 0 ? [] : [judgeOne(snapshot, namespace, objects)];
  },
};

/** Well-known, and those of one's own that end so: `kubernetes.io/description`, `example.com/owner`. */
const DESCRIPTION = /(?:^|[/.])description$/;
const OWNER = /(?:^|[/.])(?:owner|team|contact)$/;

/** What decides who gets in; authentications and routes are their parts. */
function policiesIn(snapshot: Snapshot, namespace: string): readonly Resource[] {
  const { servers, authorizationPolicies, serverAuthorizations } = namespaceIndex(snapshot, namespace);
  return [
    ...[servers, authorizationPolicies, serverAuthorizations].flatMap((entries) => [...entries.values()].map(({ resource }) => resource)),
    ...resourcesOfKind(snapshot, 'networking.k8s.io', 'NetworkPolicy', namespace).values(),
  ];
}

const MOST_SHOWN = 12;

function judgeOne(snapshot: Snapshot, namespace: string, objects: readonly Resource[]): Judgement {
  const own = resourcesOfKind(snapshot, '', 'Namespace', '').get(namespace);
  const hasOwner = own !== undefined && has(own, OWNER);
  const gaps = objects.flatMap((object) => {
    const missing = [...(has(object, DESCRIPTION) ? [] : ['description']), ...(hasOwner || has(object, OWNER) ? [] : ['owner'])];
    return missing.length === 0 ? [] : [{ object, missing }];
  });
  const [first] = gaps;
  if (first === undefined) {
    const shown = objects.slice(0, MOST_SHOWN).map((object) => evidence('description and owner', object));
    return holds(null, `${eachOf(objects.length, 'policy', 'policies')} has a description and an owner`, shown);
  }
  const shown = gaps.slice(0, MOST_SHOWN).map(({ object, missing }): Evidence => evidence(`no ${missing.join(', no ')}`, object));
  const isBare = gaps.length === objects.length && gaps.every(({ missing }) => missing.length === 2);
  return {
    ...{ workload: null, evidence: shown },
    state: isBare ? 'not' : 'partly',
    found: `${gaps.length} of ${counted(objects.length, 'policy', 'policies')} ${gaps.length === 1 ? 'lacks' : 'lack'} a description or an owner`,
    lacking: ['comments of the manifests in Git: a cluster does not keep them'],
    next: { text: 'Write it where people find it: on the object.', command: annotate(first.object, first.missing) },
  };
}

function has({ metadata: { annotations = {}, labels = {} } }: Resource, key: RegExp): boolean {
  return [...Object.entries(annotations), ...Object.entries(labels)].some(([name, value]) => key.test(name) && value !== '');
}

function annotate({ apiVersion, kind, metadata }: Resource, missing: readonly string[]): string {
  const words = missing.map((one) => (one === 'owner' ? "owner='WHOM TO ASK'" : "kubernetes.io/description='WHO MAY, AND WHY'"));
  const name = `${kind.toLowerCase()}.${groupOf(apiVersion)}/${metadata.name}`;
  return `kubectl annotate -n ${quoted(metadata.namespace)} ${quoted(name)} ${words.join(' ')}`;
}
