/** Every lint rule, in the order of the documentation. */
import { annotationOnWrongObject } from './annotation-on-wrong-object.ts';
import { danglingAuthentication } from './dangling-authentication.ts';
import { deprecatedApiVersion } from './deprecated-api-version.ts';
import { egressWithoutControlPlane } from './egress-without-control-plane.ts';
import { emptyAuthentications } from './empty-authentications.ts';
import { grpcHeadersWithoutMethod } from './grpc-headers-without-method.ts';
import { http2ServerHttp1Probes } from './http2-server-http1-probes.ts';
import { identityWrongNamespace } from './identity-wrong-namespace.ts';
import { identityWrongTrustDomain } from './identity-wrong-trust-domain.ts';
import { invalidAnnotation } from './invalid-annotation.ts';
import { invalidObject } from './invalid-object.ts';
import { metricsClosed } from './metrics-closed.ts';
import { mixedRoutes } from './mixed-routes.ts';
import { networkPolicyOutboundPort } from './network-policy-outbound-port.ts';
import { networkPolicySelectsNothing } from './network-policy-selects-nothing.ts';
import { networkPolicyWithoutProxyPort } from './network-policy-without-proxy-port.ts';
import { overlappingServers } from './overlapping-servers.ts';
import { policyInAnotherNamespace } from './policy-in-another-namespace.ts';
import { probeNotCovered } from './probe-not-covered.ts';
import { probeRouteRemoved } from './probe-route-removed.ts';
import { routeNotAttached } from './route-not-attached.ts';
import { routePolicyDoesNotRestrict } from './route-policy-does-not-restrict.ts';
import type { LintRule } from './rule.ts';
import { ruleAbsentLabel } from './rule-absent-label.ts';
import { ruleMissesFirstDenial } from './rule-misses-first-denial.ts';
import { ruleNeverFires } from './rule-never-fires.ts';
import { ruleUnknownMetric } from './rule-unknown-metric.ts';
import { serverPortName } from './server-port-name.ts';
import { serverSelectsNothing } from './server-selects-nothing.ts';
import { serverWithoutAuthorization } from './server-without-authorization.ts';
import { sharedServiceAccount } from './shared-service-account.ts';
import { suppressionWithoutReason } from './suppression-without-reason.ts';
import { targetMissing } from './target-missing.ts';
import { unknownField } from './unknown-field.ts';
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
  targetMissing,
  policyInAnotherNamespace,
  danglingAuthentication,
  unknownServiceAccount,
  identityWrongNamespace,
  identityWrongTrustDomain,
  sharedServiceAccount,
  serverSelectsNothing,
  serverPortName,
  overlappingServers,
  serverWithoutAuthorization,
  http2ServerHttp1Probes,
  probeRouteRemoved,
  probeNotCovered,
  metricsClosed,
  routeNotAttached,
  mixedRoutes,
  grpcHeadersWithoutMethod,
  routePolicyDoesNotRestrict,
  emptyAuthentications,
  wildcardGrant,
  networkPolicyOutboundPort,
  networkPolicyWithoutProxyPort,
  networkPolicySelectsNothing,
  egressWithoutControlPlane,
  annotationOnWrongObject,
  invalidAnnotation,
  webhooksDisabled,
  unknownSetting,
  ruleUnknownMetric,
  ruleAbsentLabel,
  ruleNeverFires,
  ruleMissesFirstDenial,
  suppressionWithoutReason,
];
