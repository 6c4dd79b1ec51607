import { POLICY_GROUP } from '../policy/authorization-policy.ts';
import { groupOf } from '../policy/resource.ts';
import { nameWorkload, podsIn } from './effect.ts';
import { ofKind, some } from './objects.ts';
import type { LintRule } from './rule.ts';

const LABEL = 'config.linkerd.io/admission-webhooks';

export const webhooksDisabled: LintRule = {
  code: 'webhooks-disabled',
  title: 'a namespace that Linkerd’s webhooks pass by',
  *check({ resources, snapshot }) {
    for (const object of ofKind(resources, '', 'Namespace')) {
      const { name, labels } = object.metadata;
      // The control plane's own namespace and kube-system are meant to be so.
      if (
        labels?.[LABEL] !== 'disabled' ||
        name === snapshot.info.controlPlaneNamespace ||
        name === 'kube-system' ||
        name.startsWith('linkerd-')
      )
        continue;
      const workloads = [...new Set(podsIn(snapshot, name).map((pod) => nameWorkload(snapshot, pod)))];
      const policies = resources.filter(({ apiVersion, metadata }) => groupOf(apiVersion) === POLICY_GROUP && metadata.namespace === name);
      yield {
        severity: 'warning',
        object,
        path: ['metadata', 'labels', LABEL],
        problem: `The label ${LABEL}: disabled keeps the injector and the policy validator away from this namespace.`,
        effect: `New pods get no proxy${workloads.length === 0 ? '' : ` (${some(workloads, 3)})`}, so nothing is enforced on their ports; invalid policy objects are stored and ignored${policies.length === 0 ? '' : ` (${policies.length} are here)`}.`,
        right: 'Take the label away, and leave single pods out by linkerd.io/inject: disabled.',
        edits: [],
      };
    }
  },
};
