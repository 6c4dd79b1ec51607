/** Admission of Server, HTTPLocalRateLimitPolicy and EgressNetwork (linkerd2 `policy-controller/runtime/src/admission.rs`). */
import { checkSomeNetworks, networks } from './admission-network.ts';
import { localTargetRef, namespacedTargetRef } from './admission-target.ts';
import { parseDefaultPolicy } from './default-policy.ts';
import { canonicalKind, targetsKind } from './reading.ts';
import { cannotParse, refuse } from './refusal.ts';
import { rustDebug } from './rust-text.ts';
import { type Decoder, isMap, list, map, optional, required, string, struct, u32, variant } from './serde.ts';

const expression = struct('Expression', {
  key: required(string),
  operator: required(variant(['In', 'NotIn', 'Exists', 'DoesNotExist'])),
  values: optional(list(string)),
});

export const labelSelector = struct('Selector', { matchLabels: optional(map(string)), matchExpressions: optional(list(expression)) });

const port: Decoder<number | string> = (value) => {
  if (typeof value === 'string') return value;
  const isPort = typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535;
  return isPort ? value : cannotParse('data did not match any variant of untagged enum Port');
};

const serverFields = struct('ServerSpec', {
  port: required(port),
  proxyProtocol: optional(variant(['unknown', 'HTTP/1', 'HTTP/2', 'gRPC', 'opaque', 'TLS'])),
  accessPolicy: optional(string),
});

/** Of two selectors only the first by name is read. */
export const serverSpec: Decoder<ReturnType<typeof serverFields>> = (value) => {
  if (!isMap(value)) return cannotParse('invalid type: expected struct ServerSpec');
  const spec = serverFields(value);
  const selector = ['externalWorkloadSelector', 'podSelector'].find((key) => Object.hasOwn(value, key));
  if (selector === undefined) return cannotParse('no variant of enum Selector found in flattened data');
  labelSelector(value[selector]);
  return spec;
};

export function checkServer(spec: ReturnType<typeof serverFields>): void {
  if (spec.accessPolicy !== null && parseDefaultPolicy(spec.accessPolicy) === null) {
    refuse(`Invalid 'accessPolicy' field: invalid mode: ${rustDebug(spec.accessPolicy)}`);
  }
}

const limit = struct('Limit', { requestsPerSecond: required(u32) });

export const rateLimitPolicySpec = struct('RateLimitPolicySpec', {
  targetRef: required(localTargetRef),
  total: optional(limit),
  identity: optional(limit),
  overrides: optional(list(struct('Override', { requestsPerSecond: required(u32), clientRefs: required(list(namespacedTargetRef)) }))),
});

/** Everything about the total comes first, then the identity's limit, then each override with its clients. */
export function checkRateLimitPolicy(spec: ReturnType<typeof rateLimitPolicySpec>): void {
  if (!targetsKind(spec.targetRef, 'policy.linkerd.io', 'Server')) refuse(`invalid targetRef kind: ${canonicalKind(spec.targetRef)}`);
  const total = spec.total?.requestsPerSecond ?? null;
  const identity = spec.identity?.requestsPerSecond ?? null;
  const overrides = spec.overrides ?? [];
  if (total !== null) {
    if (total === 0) refuse('total.requestsPerSecond must be greater than 0');
    if (identity !== null && identity > total) refuse('identity.requestsPerSecond must be less than or equal to total.requestsPerSecond');
    if (overrides.some((o) => o.requestsPerSecond > total)) {
      refuse('override.requestsPerSecond must be less than or equal to total.requestsPerSecond');
    }
  }
  if (identity === 0) refuse('identity.requestsPerSecond must be greater than 0');
  for (const override of overrides) {
    if (override.requestsPerSecond === 0) refuse('override.requestsPerSecond must be greater than 0');
    if (!override.clientRefs.every((ref) => targetsKind(ref, '', 'ServiceAccount'))) {
      refuse('overrides.clientRefs must target a ServiceAccount');
    }
  }
}

export const egressNetworkSpec = struct('EgressNetworkSpec', {
  networks: optional(networks),
  trafficPolicy: required(variant(['Allow', 'Deny'])),
});

export function checkEgressNetwork(spec: ReturnType<typeof egressNetworkSpec>): void {
  if (spec.networks !== null) checkSomeNetworks(spec.networks);
}
