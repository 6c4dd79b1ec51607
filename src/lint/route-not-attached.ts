import type { Path } from '../manifests/document.ts';
import { GATEWAY_GROUP, POLICY_GROUP } from '../policy/authorization-policy.ts';
import { groupOf, type Resource } from '../policy/resource.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { effectOf } from './effect.ts';
import type { Draft, Edit } from './finding.ts';
import { exists, type Fields, itemsAt, namesOf, slipsOf, some, textAt } from './objects.ts';
import type { LintRule } from './rule.ts';

const UNSUPPORTED: ReadonlySet<string> = new Set(['RequestMirror', 'URLRewrite', 'ExtensionRef', 'CORS']);

export const routeNotAttached: LintRule = {
  code: 'route-not-attached',
  title: 'a route that does not attach to its Server',
  *check({ resources, snapshot, isWhole }) {
    for (const object of resources.filter(isInboundRoute)) {
      for (const [i, parent] of itemsAt(object, 'spec', 'parentRefs')) {
        const fault = faultOf(object, parent, i, snapshot, isWhole);
        if (fault !== null)
          yield { object, edits: [], effect: `The route is as if it were not there. ${effectOf(snapshot, object)}`, ...fault };
      }
      for (const [i, rule] of itemsAt(object, 'spec', 'rules')) {
        for (const [j, filter] of itemsAt(rule, 'filters')) {
          const type = textAt(filter, 'type') ?? '';
          if (!UNSUPPORTED.has(type) || !isServer(itemsAt(object, 'spec', 'parentRefs')[0]?.[1] ?? {})) continue;
          yield {
            object,
            severity: 'error',
            path: ['spec', 'rules', i, 'filters', j, 'type'],
            problem: `${type} filter is not supported on a Server: Linkerd ignores the whole route.`,
            effect: effectOf(snapshot, object),
            right: 'RequestHeaderModifier, ResponseHeaderModifier or RequestRedirect',
            edits: [],
          };
        }
      }
    }
  },
};

function isInboundRoute({ apiVersion, kind }: Resource): boolean {
  const group = groupOf(apiVersion);
  return (kind === 'HTTPRoute' && (group === POLICY_GROUP || group === GATEWAY_GROUP)) || (kind === 'GRPCRoute' && group === GATEWAY_GROUP);
}

function isServer(parent: Fields): boolean {
  return textAt(parent, 'kind')?.toLowerCase() === 'server';
}

type Fault = Pick<Draft, 'severity' | 'path' | 'problem' | 'right'> & { readonly edits?: readonly Edit[] };

function faultOf(object: Resource, parent: Fields, index: number, snapshot: Snapshot, isWhole: boolean): Fault | null {
  const { namespace } = object.metadata;
  const at = (field: string): Path => ['spec', 'parentRefs', index, field];
  const name = textAt(parent, 'name') ?? '';
  const kind = textAt(parent, 'kind');
  const group = textAt(parent, 'group') ?? groupOf(object.apiVersion);
  const isThere = exists(snapshot, POLICY_GROUP, 'Server', namespace, name);
  if (kind === null || !isServer(parent)) {
    // Another kind of parent is another controller's business, unless a Server has that very name.
    if (!isThere || (kind !== null && kind !== 'Gateway')) return null;
    const problem = `Its parent is a ${kind ?? 'Gateway (the default where kind is left out)'}, and ${name} is a Server.`;
    return { severity: 'error', path: at('kind'), problem, right: 'kind: Server', edits: [{ set: at('kind'), value: 'Server' }] };
  }
  if (group !== POLICY_GROUP)
    return {
      severity: 'error',
      path: at('group'),
      problem: `A Server of group ${group === '' ? '""' : group} does not exist.`,
      right: `group: ${POLICY_GROUP}`,
      edits: [{ set: at('group'), value: POLICY_GROUP }],
    };
  const other = textAt(parent, 'namespace');
  if (other !== null && other !== namespace)
    return {
      severity: 'error',
      path: at('namespace'),
      problem: `A route may not name a Server of another namespace (${other}).`,
      right: `Put the route into namespace ${other}.`,
    };
  for (const field of ['port', 'sectionName'])
    if (parent[field] != null)
      return {
        severity: 'error',
        path: at(field),
        problem: `A route may not name a Server by ${field}: Linkerd ignores the whole route.`,
        right: `Leave ${field} out: a Server is one port.`,
        edits: [{ remove: at(field) }],
      };
  if (isThere) return null;
  const near = namesOf(snapshot, POLICY_GROUP, 'Server', namespace);
  const slips = slipsOf(near, name);
  const [only] = slips;
  return {
    severity: isWhole || slips.length > 0 ? 'error' : 'warning',
    path: at('name'),
    problem: `There is no Server ${name} in namespace ${namespace}${isWhole ? '' : ' among the objects'}.`,
    right:
      only !== undefined
        ? `name: ${only}`
        : near.length > 0
          ? `One of those that are there: ${some(near, 5)}`
          : `Create Server ${name}, or correct the name.`,
    edits: slips.length === 1 && only !== undefined ? [{ set: at('name'), value: only }] : [],
  };
}
