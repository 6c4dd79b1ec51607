/** Which fields of which objects a decision turned on: for whoever reads the objects themselves. */
import type { Decision } from './decision.ts';
import type { Considered, Evaluation } from './evaluation.ts';
import type { Excluded, NearServer } from './excluded.ts';
import { type ObjectRef, objectKey, type Resource } from './resource.ts';
import { isObject } from './selector.ts';
import { showReasons } from './wording.ts';
import { ANNOTATION } from './workload.ts';

export interface DecidingField {
  readonly object: ObjectRef;
  /** Keys and indexes that lead to it. */
  readonly path: readonly (string | number)[];
  /** `denies`: what refuses the request; `applies`: what makes the object apply to it, or is met. */
  readonly says: 'denies' | 'applies';
  readonly reason: string;
}

export interface FieldsAsked {
  readonly evaluation: Evaluation;
  readonly decision: Pick<Decision, 'object' | 'sentence' | 'required'>;
  /** What had no say, and why. */
  readonly excluded: readonly Excluded[];
  readonly nearServers: readonly NearServer[];
  /** Objects that are named beside those of the evaluation. */
  readonly cited: readonly ObjectRef[];
  readonly resource: (ref: ObjectRef) => Resource | null;
}

/** In the order in which the request meets them; what refuses it is empty where it is allowed. */
export function decidingFields(asked: FieldsAsked): readonly DecidingField[] {
  const { evaluation, decision, cited, resource } = asked;
  const { policy, considered, verdict } = evaluation;
  const hasOwn = considered.some(({ authorization }) => authorization.object !== null);
  const fields = [
    ...serverFields(evaluation, hasOwn),
    ...routeFields(evaluation),
    ...considered.flatMap((one) => authorizationFields(one, decision.required[0] ?? '', resource)),
    ...(policy.server === null && !hasOwn && verdict !== 'allow' ? cited.flatMap((ref) => annotationFields(ref, resource)) : []),
    ...(policy.rateLimit !== null && verdict === 'ratelimited'
      ? [denies(policy.rateLimit.object, ['spec'], evaluation.error ?? 'over its limit')]
      : []),
  ].filter(({ object, path }) => isThere(resource(object), path));
  const seen = new Set<string>();
  return [...fields, ...lastFields(asked, fields)].filter(({ object, path, says }) => {
    const key = `${says} ${objectKey(object)} ${path.join('/')}`;
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

/** Where none of these says why its object decided: what else is known of it. */
function lastFields(
  { decision: { object, sentence }, evaluation, ...asked }: FieldsAsked,
  fields: readonly DecidingField[],
): readonly DecidingField[] {
  if (object === null || evaluation.verdict === 'allow') return [];
  const isOwn = (ref: ObjectRef) => objectKey(ref) === objectKey(object);
  if (fields.some((field) => field.says === 'denies' && isOwn(field.object))) return [];
  const reason = asked.excluded.find((one) => isOwn(one.object))?.reason;
  const near = asked.nearServers.find(({ server }) => isOwn(server))?.why;
  const spec = specOf(asked.resource(object));
  const path =
    reason !== undefined
      ? excludedPath(reason, spec)
      : near !== undefined
        ? [near.type === 'selector' ? 'podSelector' : 'port']
        : ownPath(object, evaluation);
  const whole = ['spec', ...path];
  return [denies(object, path.length > 0 && isThere(asked.resource(object), whole) ? whole : ['metadata', 'name'], sentence)];
}

function excludedPath(reason: Excluded['reason'], spec: Readonly<Record<string, unknown>>): DecidingField['path'] {
  if (reason.type === 'dangling') {
    const at = listIn(spec, 'requiredAuthenticationRefs').findIndex((ref) => isObject(ref) && ref['name'] === reason.missing.name);
    return at < 0 ? ['requiredAuthenticationRefs'] : ['requiredAuthenticationRefs', at];
  }
  if (reason.type === 'illegal') return ['requiredAuthenticationRefs'];
  return ['targetRef'];
}

function ownPath({ kind }: ObjectRef, { traffic }: Evaluation): DecidingField['path'] {
  if (kind === 'Server') return traffic.type === 'tcp' ? ['proxyProtocol'] : ['port'];
  if (kind === 'ServerAuthorization') return ['client'];
  return kind === 'HTTPRoute' || kind === 'GRPCRoute' ? ['parentRefs'] : [];
}

function denies(object: ObjectRef, path: DecidingField['path'], reason: string): DecidingField {
  return { object, path, says: 'denies', reason };
}

function applies(object: ObjectRef, path: DecidingField['path'], reason: string): DecidingField {
  return { object, path, says: 'applies', reason };
}

function serverFields({ policy: { server }, verdict, considered, route }: Evaluation, hasOwn: boolean): readonly DecidingField[] {
  if (server === null) return [];
  const own = [applies(server, ['spec', 'port'], 'takes this port')];
  const isClosed = verdict === 'deny' && !hasOwn && (considered.length > 0 || route !== null);
  return isClosed ? [...own, denies(server, ['spec', 'accessPolicy'], 'no authorization applies, and this is what holds then')] : own;
}

function routeFields({ policy: { routes }, route, verdict }: Evaluation): readonly DecidingField[] {
  const all = (routes ?? []).flatMap(({ ref, object }) => (object === null ? [] : [{ ref, object }]));
  if (verdict === 'route_not_found') return all.map(({ object }) => denies(object, ['spec', 'rules'], 'does not match the request'));
  const own = all.filter(({ ref }) => ref.name === route?.name && ref.kind === route.kind && ref.group === route.group);
  return own.map(({ object }) => applies(object, ['spec', 'rules'], 'matches the request'));
}

/** The kinds of the references that prove who the client is; the others say from where it comes. */
const OF_NETWORKS = 'NetworkAuthentication';

function authorizationFields(one: Considered, nearest: string, resource: FieldsAsked['resource']): readonly DecidingField[] {
  const { authorization, network, authentication } = one;
  const { object, via } = authorization;
  if (object === null) return [];
  const reason = showReasons(network, authentication);
  const met = (kind: string) => (kind === OF_NETWORKS ? network : authentication).match;
  const field = (of: ObjectRef, path: DecidingField['path'], kind: string) =>
    met(kind) === 'no' ? [denies(of, path, reason)] : met(kind) === 'yes' ? [applies(of, path, 'is met')] : [];
  const spec = specOf(resource(object));
  const target = applies(object, ['spec', object.kind === 'ServerAuthorization' ? 'server' : 'targetRef'], 'is about this request');
  const refs = listIn(spec, 'requiredAuthenticationRefs').flatMap((ref, i) =>
    field(object, ['spec', 'requiredAuthenticationRefs', i], isObject(ref) && typeof ref['kind'] === 'string' ? ref['kind'] : ''),
  );
  const client = object.kind === 'ServerAuthorization' ? clientFields(one, object, reason) : [];
  return [
    target,
    ...refs,
    ...client,
    ...via.flatMap((ref) => authenticationPaths(ref, nearest, resource).flatMap((path) => field(ref, path, ref.kind))),
  ];
}

function clientFields({ network, authentication }: Considered, object: ObjectRef, reason: string): readonly DecidingField[] {
  if (authentication.match === 'no') return [denies(object, ['spec', 'client', 'meshTLS'], reason)];
  return network.match === 'no' ? [denies(object, ['spec', 'client', 'networks'], reason)] : [];
}

/** The entry that is most like the client where it stands there, else the list. */
function authenticationPaths(ref: ObjectRef, nearest: string, resource: FieldsAsked['resource']): readonly DecidingField['path'][] {
  const spec = specOf(resource(ref));
  if (ref.kind === OF_NETWORKS) return [['spec', 'networks']];
  const at = listIn(spec, 'identities').indexOf(nearest);
  if (at >= 0) return [['spec', 'identities', at]];
  return ['identities', 'identityRefs'].flatMap((name) => (listIn(spec, name).length > 0 ? [['spec', name]] : []));
}

function annotationFields(ref: ObjectRef, resource: FieldsAsked['resource']): readonly DecidingField[] {
  const value = resource(ref)?.metadata.annotations?.[ANNOTATION.defaultInboundPolicy];
  return value === undefined
    ? []
    : [denies(ref, ['metadata', 'annotations', ANNOTATION.defaultInboundPolicy], 'no Server selects the port: this holds then')];
}

function isThere(resource: Resource | null, path: DecidingField['path']): boolean {
  let value: unknown = resource;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return false;
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  return value !== undefined;
}

function specOf(resource: Resource | null): Readonly<Record<string, unknown>> {
  return isObject(resource?.spec) ? resource.spec : {};
}

function listIn(spec: Readonly<Record<string, unknown>>, name: string): readonly unknown[] {
  const list = spec[name];
  return Array.isArray(list) ? list : [];
}
