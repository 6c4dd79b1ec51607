import type { Path } from '../manifests/document.ts';
import type { Resource } from '../policy/resource.ts';
import { effectOf } from './effect.ts';
import { itemsAt, policiesOf, textAt, valueAt } from './objects.ts';
import type { LintRule } from './rule.ts';

const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0/0', '::/0']);

export const wildcardGrant: LintRule = {
  code: 'wildcard-grant',
  title: 'a grant to everyone',
  *check({ resources, snapshot }) {
    for (const object of resources) {
      for (const { path, what, severity } of wideIn(object)) {
        yield {
          severity,
          object,
          path,
          problem: what,
          effect: effectOf(snapshot, object),
          right:
            'The ServiceAccounts (identityRefs) or the smallest network that the clients come from; where it is meant so, ignore this code with the reason.',
          edits: [],
        };
      }
    }
  },
};

interface Wide {
  readonly path: Path;
  readonly what: string;
  readonly severity: 'warning' | 'info';
}

/** `accessPolicy` values that ask for no identity, or for any. */
const OPEN: ReadonlyMap<string, string> = new Map([
  ['all-unauthenticated', 'lets in everyone from everywhere, without a mesh identity'],
  ['cluster-unauthenticated', 'lets in everyone of the cluster’s networks, without a mesh identity'],
  ['all-authenticated', 'lets in every mesh identity of DNS form'],
  ['cluster-authenticated', 'lets in every mesh identity of DNS form from the cluster’s networks'],
  ['audit', 'lets in everyone, and logs who would not have been'],
]);

function wideIn(object: Resource): readonly Wide[] {
  if (policiesOf([object], 'Server').length > 0) return accessPolicy(object);
  if (policiesOf([object], 'MeshTLSAuthentication').length > 0) return identities(object, ['spec', 'identities']);
  if (policiesOf([object], 'NetworkAuthentication').length > 0) return networks(object, ['spec', 'networks'], 'info');
  if (policiesOf([object], 'ServerAuthorization').length === 0) return [];
  const isOpen = valueAt(object, ['spec', 'client', 'unauthenticated']) === true;
  const hasNetworks = itemsAt(object, 'spec', 'client', 'networks').length > 0;
  return [
    ...identities(object, ['spec', 'client', 'meshTLS', 'identities']),
    ...(isOpen && hasNetworks ? networks(object, ['spec', 'client', 'networks'], 'warning') : []),
    ...(isOpen && !hasNetworks
      ? [
          {
            path: ['spec', 'client', 'unauthenticated'],
            what: 'It lets in everyone of the cluster’s networks, without a mesh identity.',
            severity: 'warning' as const,
          },
        ]
      : []),
  ];
}

function identities(object: Resource, path: Path): readonly Wide[] {
  const list = valueAt(object, path);
  return (Array.isArray(list) ? list : []).flatMap((identity: unknown, i) =>
    identity === '*'
      ? [
          {
            path: [...path, i],
            what: '* is every mesh identity of DNS form, of this cluster and of others that share its trust anchor. SPIFFE identities it is not.',
            severity: 'warning' as const,
          },
        ]
      : [],
  );
}

function networks(object: Resource, path: Path, severity: Wide['severity']): readonly Wide[] {
  const found = itemsAt(object, ...path).find(([, network]) => EVERYWHERE.has(textAt(network, 'cidr') ?? ''));
  return found === undefined
    ? []
    : [
        {
          path: [...path, found[0], 'cidr'],
          what: `${textAt(found[1], 'cidr') ?? ''} is everywhere: on its own it asks nothing of a client.`,
          severity,
        },
      ];
}

function accessPolicy(object: Resource): readonly Wide[] {
  const value = textAt(object, 'spec', 'accessPolicy') ?? '';
  const what = OPEN.get(value);
  if (what === undefined) return [];
  return [
    {
      path: ['spec', 'accessPolicy'],
      what: `accessPolicy: ${value} ${what}. Policies of the Server are added to that, and take nothing away.`,
      severity: value === 'audit' || value.endsWith('-authenticated') ? 'info' : 'warning',
    },
  ];
}
