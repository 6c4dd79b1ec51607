/** Every lint rule, in the order of the documentation. */
import { accessGained } from './access-gained.ts';
import { accessLost } from './access-lost.ts';
import { annotationOnWrongObject } from './annotation-on-wrong-object.ts';
import { clientWithoutProxy } from './client-without-proxy.ts';
import { danglingAuthentication } from './dangling-authentication.ts';
import { deprecatedApiVersion } from './deprecated-api-version.ts';
import { egressWithoutControlPlane } from './egress-without-control-plane.ts';
import { emptyAuthentications } from './empty-authentications.ts';
import { grpcHeadersWithoutMethod } from './grpc-headers-without-method.ts';
import { http2ServerHttp1Probes } from './http2-server-http1-probes.ts';
import { identityOfNoServiceAccount } from './identity-of-no-service-account.ts';
import { identityWrongNamespace } from './identity-wrong-namespace.ts';
import { identityWrongTrustDomain } from './identity-wrong-trust-domain.ts';
import { ignoredObject } from './ignored-object.ts';
import { invalidAnnotation } from './invalid-annotation.ts';
import { invalidObject } from './invalid-object.ts';
import { metricsClosed } from './metrics-closed.ts';
import { mixedRoutes } from './mixed-routes.ts';
import { namespacePolicyWithoutServer } from './namespace-policy-without-server.ts';
import { networkPolicyOutboundPort } from './network-policy-outbound-port.ts';
import { networkPolicySelectsNothing } from './network-policy-selects-nothing.ts';
import { networkPolicyWithoutProxyPort } from './network-policy-without-proxy-port.ts';
import { opaquePortHttpServer } from './opaque-port-http-server.ts';
import { overlappingServers } from './overlapping-servers.ts';
import { policyInAnotherNamespace } from './policy-in-another-namespace.ts';
import { policyNotEnforced } from './policy-not-enforced.ts';
import { probeNotCovered } from './probe-not-covered.ts';
import { probeRouteRemoved } from './probe-route-removed.ts';
import { rateLimitNotUsed } from './rate-limit-not-used.ts';
import { redirectWithoutPrefix } from './redirect-without-prefix.ts';
import { regexMatchesLess } from './regex-matches-less.ts';
import { requireIdentityWithoutEffect } from './require-identity-without-effect.ts';
import { routeNotAttached } from './route-not-attached.ts';
import { routePolicyDoesNotRestrict } from './route-policy-does-not-restrict.ts';
import { routeWithoutAuthorization } from './route-without-authorization.ts';
import type { LintRule } from './rule.ts';
import { ruleAbsentLabel } from './rule-absent-label.ts';
import { ruleMissesFirstDenial } from './rule-misses-first-denial.ts';
import { ruleNeverFires } from './rule-never-fires.ts';
import { ruleUnknownMetric } from './rule-unknown-metric.ts';
import { serverPortName } from './server-port-name.ts';
import { serverPortUndeclared } from './server-port-undeclared.ts';
import { serverSelectsNothing } from './server-selects-nothing.ts';
import { serverWithoutAuthorization } from './server-without-authorization.ts';
import { sharedServiceAccount } from './shared-service-account.ts';
import { suppressionWithoutReason } from './suppression-without-reason.ts';
import { targetMissing } from './target-missing.ts';
import { unknownField } from './unknown-field.ts';
import { unknownNamespace } from './unknown-namespace.ts';
import { unknownServiceAccount } from './unknown-service-account.ts';
import { unknownSetting } from './unknown-setting.ts';
import { webhooksDisabled } from './webhooks-disabled.ts';
import { wildcardGrant } from './wildcard-grant.ts';
import { wrongApiVersion } from './wrong-api-version.ts';
import { wrongReference } from './wrong-reference.ts';
export const RULES: readonly LintRule[] = [
  wrongApiVersion,
  deprecatedApiVersion,
  unknownField,
  wrongReference,
  invalidObject,
  ignoredObject,
  targetMissing,
  policyInAnotherNamespace,
  danglingAuthentication,
  unknownServiceAccount,
  identityWrongNamespace,
  unknownNamespace,
  identityWrongTrustDomain,
  identityOfNoServiceAccount,
  sharedServiceAccount,
  clientWithoutProxy,
  serverSelectsNothing,
  serverPortName,
  serverPortUndeclared,
  overlappingServers,
  serverWithoutAuthorization,
  policyNotEnforced,
  http2ServerHttp1Probes,
  opaquePortHttpServer,
  probeRouteRemoved,
  probeNotCovered,
  metricsClosed,
  routeNotAttached,
  routeWithoutAuthorization,
  mixedRoutes,
  grpcHeadersWithoutMethod,
  regexMatchesLess,
  redirectWithoutPrefix,
  routePolicyDoesNotRestrict,
  namespacePolicyWithoutServer,
  rateLimitNotUsed,
  emptyAuthentications,
  wildcardGrant,
  networkPolicyOutboundPort,
  networkPolicyWithoutProxyPort,
  networkPolicySelectsNothing,
  egressWithoutControlPlane,
  annotationOnWrongObject,
  invalidAnnotation,
  requireIdentityWithoutEffect,
  webhooksDisabled,
  unknownSetting,
  accessLost,
  accessGained,
  ruleUnknownMetric,
  ruleAbsentLabel,
  ruleNeverFires,
  ruleMissesFirstDenial,
  suppressionWithoutReason,
];
