/** What kinds there are, for the reading of manifests: scope, served versions, and who never gets to hear of an object. */
import { kindOf } from '../policy/kinds.ts';

/** Kinds that something here reads beside those of the law (policy/kinds.ts), as `group/Kind`. */
const READ_TOO: ReadonlySet<string> = new Set([
  '/Namespace',
  '/Node',
  '/Service',
  '/ServiceAccount',
  '/ConfigMap',
  '/ReplicationController',
  'apps/Deployment',
  'apps/ReplicaSet',
  'apps/StatefulSet',
  'apps/DaemonSet',
  'batch/Job',
  'batch/CronJob',
  'networking.k8s.io/NetworkPolicy',
  'policy.linkerd.io/EgressNetwork',
  'monitoring.coreos.com/Prometheus',
  'monitoring.coreos.com/PrometheusRule',
  'monitoring.coreos.com/Alertmanager',
  'discovery.k8s.io/EndpointSlice',
  'helm.toolkit.fluxcd.io/HelmRelease',
  'helm.cattle.io/HelmChart',
  'argoproj.io/Application',
]);

/** Kinds without a namespace that are common in manifests. */
const CLUSTER_SCOPED: ReadonlySet<string> = new Set([
  '/Namespace',
  '/Node',
  '/PersistentVolume',
  'admissionregistration.k8s.io/MutatingWebhookConfiguration',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding',
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration',
  'apiextensions.k8s.io/CustomResourceDefinition',
  'apiregistration.k8s.io/APIService',
  'gateway.networking.k8s.io/GatewayClass',
  'networking.k8s.io/IngressClass',
  'rbac.authorization.k8s.io/ClusterRole',
  'rbac.authorization.k8s.io/ClusterRoleBinding',
  'scheduling.k8s.io/PriorityClass',
  'storage.k8s.io/CSIDriver',
  'storage.k8s.io/CSINode',
  'storage.k8s.io/StorageClass',
]);

/** Kinds that every cluster is full of and that say nothing about policy: left unmentioned. */
const ORDINARY: ReadonlySet<string> = new Set([
  ...CLUSTER_SCOPED,
  '/Endpoints',
  '/Event',
  '/LimitRange',
  '/PersistentVolumeClaim',
  '/PodTemplate',
  '/ResourceQuota',
  '/Secret',
  'apps/ControllerRevision',
  'autoscaling/HorizontalPodAutoscaler',
  'coordination.k8s.io/Lease',
  'events.k8s.io/Event',
  'networking.k8s.io/Ingress',
  'policy/PodDisruptionBudget',
  'rbac.authorization.k8s.io/Role',
  'rbac.authorization.k8s.io/RoleBinding',
]);

const POLICY_GROUP = 'policy.linkerd.io';

/** Linkerd's own kinds: of another group they are another thing. HTTPRoute is not among them, since the Gateway API has one too. */
const LINKERD_KINDS: ReadonlySet<string> = new Set([
  'Server',
  'ServerAuthorization',
  'AuthorizationPolicy',
  'MeshTLSAuthentication',
  'NetworkAuthentication',
  'HTTPLocalRateLimitPolicy',
]);

export function isRead(groupKind: string): boolean {
  return READ_TOO.has(groupKind) || kindOf(groupKind) !== null;
}

/** Neither read nor worth a word. */
export function isOrdinary(groupKind: string): boolean {
  return ORDINARY.has(groupKind);
}

export function isClusterScoped(groupKind: string): boolean {
  return CLUSTER_SCOPED.has(groupKind);
}

/**
 * What is wrong with an object's apiVersion, and whether Linkerd sees such an object. null: nothing, as far as is known.
 * `isStored`: it came out of an API server, which therefore serves that version.
 */
export function versionFault(apiVersion: string, group: string, kind: string, isStored: boolean): string | null {
  const known = kindOf(`${group}/${kind}`);
  if (known !== null) {
    const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
    if (known.versions.includes(version)) return null;
    const right = group === '' ? String(known.versions[0]) : `${group}/${known.versions[0]}`;
    if (isStored) return `${kind} ${apiVersion} is not known here, and is not counted. Dump it as ${right}.`;
    return `${kind} has no apiVersion ${apiVersion}: the API server refuses it and Linkerd never sees it. Write ${right}.`;
  }
  if (group === POLICY_GROUP && !isRead(`${group}/${kind}`)) {
    return `${POLICY_GROUP} has no kind ${kind}: the API server refuses it and Linkerd never sees it.`;
  }
  // Of other groups only look-alikes are worth a word: `linkerd.io`, or none at all.
  if (LINKERD_KINDS.has(kind) && (group === '' || group === 'linkerd.io' || group.endsWith('.linkerd.io'))) {
    const right = `${POLICY_GROUP}/${kindOf(`${POLICY_GROUP}/${kind}`)?.versions[0]}`;
    return `${kind} is no kind of ${apiVersion}: the API server refuses it and Linkerd never sees it. Write ${right}.`;
  }
  return null;
}
