import { isSlip } from '../diagnoses/near-name.ts';
import type { Path } from '../manifests/document.ts';
import { namespaceIdentitySuffix } from '../policy/identity.ts';
import type { Resource } from '../policy/resource.ts';
import type { ClusterInfo } from '../policy/settings.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import { effectOf } from './effect.ts';
import type { Edit } from './finding.ts';
import { itemsAt, kindOfRef, policiesOf, some, textAt, valueAt } from './objects.ts';
import type { LintRule } from './rule.ts';

export const unknownNamespace: LintRule = {
  code: 'unknown-namespace',
  title: 'an identity names a namespace that does not exist',
  *check({ resources, snapshot, isWhole }) {
    const known = namespacesIn(snapshot);
    for (const object of resources) {
      for (const { path, namespace, renamed } of namespacesNamed(object, snapshot.info)) {
        const near = known.filter((other) => isSlip(other, namespace));
        // Files seldom hold every Namespace that they name.
        if (known.includes(namespace) || (!isWhole && near.length === 0)) continue;
        const [only] = near;
        yield {
          severity: 'error',
          object,
          path,
          problem: `There is no Namespace ${namespace}${isWhole ? '' : ' among the objects'}.`,
          effect: `Nobody has an identity of it. ${effectOf(snapshot, object)}`,
          right: only === undefined ? `One of those that are there: ${some(known, 5)}` : renamed(only).text,
          edits: near.length === 1 && only !== undefined ? [renamed(only).edit] : [],
        };
      }
    }
  },
};

interface Named {
  readonly path: Path;
  readonly namespace: string;
  readonly renamed: (namespace: string) => { readonly text: string; readonly edit: Edit };
}

/** References of kind Namespace, and literals that take every ServiceAccount of one. */
function namespacesNamed(object: Resource, info: ClusterInfo): readonly Named[] {
  const isMesh = policiesOf([object], 'MeshTLSAuthentication').length > 0;
  const isAuthorization = policiesOf([object], 'ServerAuthorization').length > 0;
  if (!isMesh && !isAuthorization) return [];
  const references = itemsAt(object, 'spec', 'identityRefs').flatMap(([i, ref]): readonly Named[] => {
    const name = textAt(ref, 'name');
    const path = ['spec', 'identityRefs', i, 'name'];
    if (kindOfRef(ref)?.kind !== 'Namespace' || name === null) return [];
    return [{ path, namespace: name, renamed: (right) => ({ text: `name: ${right}`, edit: { set: path, value: right } }) }];
  });
  const list: Path = isMesh ? ['spec', 'identities'] : ['spec', 'client', 'meshTLS', 'identities'];
  const identities = valueAt(object, list);
  const literals = (Array.isArray(identities) ? identities : []).flatMap((identity: unknown, i): readonly Named[] => {
    const namespace = typeof identity === 'string' ? /^\*\.([^.]+)\.serviceaccount\.identity\./.exec(identity)?.[1] : undefined;
    if (namespace === undefined || identity !== `*${namespaceIdentitySuffix(info, namespace)}`) return [];
    const path = [...list, i];
    const of = (right: string) => `*${namespaceIdentitySuffix(info, right)}`;
    return [{ path, namespace, renamed: (right) => ({ text: of(right), edit: { set: path, value: of(right) } }) }];
  });
  return [...references, ...literals];
}

/** Those that have an object, or are one. */
function namespacesIn(snapshot: Snapshot): readonly string[] {
  const all = new Set([...resourcesOfKind(snapshot, '', 'Namespace', '').keys(), ...snapshot.namespaces.keys()]);
  all.delete('');
  return [...all].sort();
}
