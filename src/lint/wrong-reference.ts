import type { Path } from '../manifests/document.ts';
import { admit } from '../policy/admission.ts';
import { POLICY_GROUP } from '../policy/authorization-policy.ts';
import type { Resource } from '../policy/resource.ts';
import { effectOf } from './effect.ts';
import type { Edit } from './finding.ts';
import { type Fields, fieldsAt, itemsAt, kindOfRef, policiesOf, textAt } from './objects.ts';
import type { LintRule } from './rule.ts';
import { asServed } from './wrong-api-version.ts';

const REFUSAL =
  /^(?:unsupported authentication kind\(s\)|unsupported authorization target type|invalid identity target kind|invalid targetRef kind|overrides\.clientRefs must target)/;

/** Whether the webhook's sentence is about the kind of something that is referred to. */
export function isKindRefusal(message: string): boolean {
  return REFUSAL.test(message);
}

const TARGETS = ['Server', 'HTTPRoute', 'GRPCRoute', 'Namespace'];
const AUTHENTICATIONS = ['MeshTLSAuthentication', 'NetworkAuthentication', 'ServiceAccount'];

export const wrongReference: LintRule = {
  code: 'wrong-reference',
  title: 'a reference names a group or kind that cannot stand there',
  *check({ resources, snapshot }) {
    for (const object of resources) {
      for (const { path, ref, allowed } of refsOf(object)) {
        const found = kindOfRef(ref);
        if (textAt(ref, 'kind') === null || (found !== null && allowed.includes(found.kind))) continue;
        const { message } = admit(asServed(object));
        const right = repairOf(ref, allowed);
        yield {
          severity: 'error',
          object,
          path: [...path, 'kind'],
          problem: isKindRefusal(message) ? `${message}.` : `${showKind(ref)} cannot stand here.`,
          effect: `Linkerd’s webhook refuses it. Where it was passed by: ${effectOf(snapshot, object)}`,
          right:
            right === null ? `One of ${allowed.join(', ')}` : `group: ${right === '' ? '""' : right}, kind: ${textAt(ref, 'kind') ?? ''}`,
          edits: right === null ? [] : [{ set: [...path, 'group'], value: right } satisfies Edit],
        };
      }
    }
  },
};

interface Reference {
  readonly path: Path;
  readonly ref: Fields;
  readonly allowed: readonly string[];
}

function refsOf(object: Resource): readonly Reference[] {
  const [isPolicy] = policiesOf([object], 'AuthorizationPolicy');
  if (isPolicy !== undefined)
    return [
      { path: ['spec', 'targetRef'], ref: fieldsAt(object, 'spec', 'targetRef'), allowed: TARGETS },
      ...listed(object, ['spec', 'requiredAuthenticationRefs'], AUTHENTICATIONS),
    ];
  const [isMesh] = policiesOf([object], 'MeshTLSAuthentication');
  if (isMesh !== undefined) return listed(object, ['spec', 'identityRefs'], ['ServiceAccount', 'Namespace']);
  const [isLimit] = policiesOf([object], 'HTTPLocalRateLimitPolicy');
  if (isLimit === undefined) return [];
  return [
    { path: ['spec', 'targetRef'], ref: fieldsAt(object, 'spec', 'targetRef'), allowed: ['Server'] },
    ...itemsAt(object, 'spec', 'overrides').flatMap(([i]) => listed(object, ['spec', 'overrides', i, 'clientRefs'], ['ServiceAccount'])),
  ];
}

function listed(object: Resource, path: Path, allowed: readonly string[]): readonly Reference[] {
  return itemsAt(object, ...path).map(([i, ref]) => ({ path: [...path, i], ref, allowed }));
}

/** The group that makes the kind a known one; null: none does. */
function repairOf(ref: Fields, allowed: readonly string[]): string | null {
  const groups = [POLICY_GROUP, 'gateway.networking.k8s.io', ''];
  return groups.find((group) => allowed.includes(kindOfRef({ ...ref, group })?.kind ?? '')) ?? null;
}

function showKind(ref: Fields): string {
  return `${textAt(ref, 'kind') ?? ''}${textAt(ref, 'group') === null ? '' : `.${textAt(ref, 'group')}`}`;
}
