/** What is enforced, as data for other programs. docs/policy.md documents the shape; a field is added, never renamed. */
import { whoMay } from '../access/who-may.ts';
import type { ClientAuthorization } from '../policy/inbound.ts';
import type { SettingOrigin } from '../policy/settings.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { requiredIdentities, requiredNetworks, showProtocol } from '../policy/wording.ts';
import type { Notice } from '../ports.ts';
import type { PostureWorkload } from '../posture/practice.ts';

export function policyData(
  snapshot: Snapshot,
  workloads: readonly PostureWorkload[],
  notices: readonly Notice[],
  defaultOrigin: SettingOrigin,
) {
  return {
    form: 'denywhy.policy/1' as const,
    workloads: workloads.map((workload) => workloadData(snapshot, workload, defaultOrigin)),
    notices,
  };
}

function workloadData(snapshot: Snapshot, { ref, pods, ports, defaults, pending }: PostureWorkload, defaultOrigin: SettingOrigin) {
  return {
    workload: ref,
    meshed: ports.length > 0,
    pods: pods.map((pod) => pod.ref.name),
    default: defaults === null ? null : { ...defaults, clusterSettingFrom: defaults.source === 'cluster' ? defaultOrigin : null },
    notRolledOut: pending.map(({ change, pods: count }) => ({ ...change, pods: count })),
    ports: ports.map(({ port, names, pods: own, policy, network, callers }) => ({
      port,
      names,
      pods: own.map((pod) => pod.ref.name),
      protocol: showProtocol(policy.protocol),
      enforcedBy: policy.ref,
      server: policy.server,
      overshadowed: policy.overshadowed,
      rejectedByProxy: policy.rejectedByProxy,
      may: whoMay(snapshot, ref.namespace, policy).map(({ route, takes, who, from, authorization, refusal }) => ({
        route: route === '' ? null : route,
        takes,
        who,
        from,
        authorization: authorization === null ? null : authorizationData(authorization),
        refusal,
      })),
      rateLimit: policy.rateLimit,
      networkPolicy: network,
      callers,
    })),
  };
}

function authorizationData(authorization: ClientAuthorization) {
  const { ref, object, via, authentication } = authorization;
  return {
    ref,
    object,
    via,
    authentication: authentication.type,
    identities: requiredIdentities(authorization),
    networks: requiredNetworks(authorization),
  };
}
