/** `HTTPLocalRateLimitPolicy`, and the proxy's limiter (linkerd2-proxy `linkerd/proxy/server-policy/src/local_rate_limit.rs`). */
import { POLICY_GROUP } from './authorization-policy.ts';
import { serviceAccountIdentity } from './identity.ts';
import type { RateLimit } from './inbound.ts';
import { canonicalKind, listOf, stringOr, targetsKind, type Unreadable } from './reading.ts';
import { type Instant, type Resource, refOf } from './resource.ts';
import { hasAccepted } from './route.ts';
import { isObject } from './selector.ts';
import type { ClusterInfo } from './settings.ts';
import { parseInstant } from './time.ts';

export interface RateLimitPolicy {
  readonly server: string;
  readonly accepted: boolean;
  readonly createdAt: Instant | null;
  readonly limit: RateLimit;
}

export function readRateLimitPolicy(resource: Resource, info: ClusterInfo): RateLimitPolicy | Unreadable {
  const spec = isObject(resource.spec) ? resource.spec : {};
  const target = isObject(spec['targetRef']) ? spec['targetRef'] : {};
  const ref = { group: stringOr(target['group'], null), kind: stringOr(target['kind'], '') };
  if (!targetsKind(ref, POLICY_GROUP, 'Server')) return { unreadable: `unsupported rate limit target type: ${canonicalKind(ref)}` };
  const status = isObject(resource.status) ? resource.status : {};
  const overrides = readOverrides(spec['overrides'], resource.metadata.namespace, info);
  if ('unreadable' in overrides) return overrides;
  return {
    server: stringOr(target['name'], ''),
    accepted: hasAccepted(status['conditions']),
    createdAt: parseInstant(resource.metadata.creationTimestamp ?? ''),
    limit: {
      ref: { group: POLICY_GROUP, kind: 'HTTPLocalRateLimitPolicy', name: resource.metadata.name },
      object: refOf(resource),
      total: requestsPerSecond(spec['total']),
      identity: requestsPerSecond(spec['identity']),
      overrides,
    },
  };
}

function readOverrides(value: unknown, namespace: string, info: ClusterInfo): RateLimit['overrides'] | Unreadable {
  const overrides: { requestsPerSecond: number; identities: string[] }[] = [];
  for (const override of listOf(value).filter(isObject)) {
    const identities: string[] = [];
    for (const client of listOf(override['clientRefs']).filter(isObject)) {
      const ref = { group: stringOr(client['group'], null), kind: stringOr(client['kind'], '') };
      if (!targetsKind(ref, '', 'ServiceAccount')) return { unreadable: `unsupported client reference: ${canonicalKind(ref)}` };
      identities.push(serviceAccountIdentity(info, stringOr(client['namespace'], namespace), stringOr(client['name'], '')));
    }
    overrides.push({ requestsPerSecond: requestsPerSecond(override) ?? 0, identities });
  }
  return overrides;
}

function requestsPerSecond(value: unknown): number | null {
  const rps = isObject(value) ? value['requestsPerSecond'] : null;
  return typeof rps === 'number' ? rps : null;
}

/** Buckets of one proxy: each holds `requestsPerSecond` (0: there is no such limit), starts full and is not refilled here (one instant is judged). */
export interface RateLimiter {
  /** null: let through; else the proxy's error text. A request refused by a later bucket has already used up the total. */
  take(clientId: string | null): string | null;
}

export function createRateLimiter(limit: RateLimit): RateLimiter {
  let total = limit.total === 0 ? null : limit.total;
  const overrides = limit.overrides.filter((o) => o.requestsPerSecond > 0).map((o) => ({ ...o, left: o.requestsPerSecond }));
  const perIdentity = new Map<string | null, number>();
  return {
    take(clientId) {
      if (total !== null) {
        if (total <= 0) return `total rate limit exceeded: ${limit.total}rps`;
        total--;
      }
      // Of several overrides for one identity the last counts.
      const override = clientId === null ? undefined : overrides.findLast((o) => o.identities.includes(clientId));
      if (override !== undefined) {
        if (override.left <= 0) return `override rate limit exceeded: ${override.requestsPerSecond}rps`;
        override.left--;
      } else if (limit.identity !== null && limit.identity !== 0) {
        const left = perIdentity.get(clientId) ?? limit.identity;
        if (left <= 0) return `per-identity rate limit exceeded: ${limit.identity}rps`;
        perIdentity.set(clientId, left - 1);
      }
      return null;
    },
  };
}
