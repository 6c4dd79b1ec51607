import { effectOf, podsIn } from './effect.ts';
import { some } from './objects.ts';
import type { LintRule } from './rule.ts';
import { podsOfServer, readServers } from './servers.ts';

export const serverSelectsNothing: LintRule = {
  code: 'server-selects-nothing',
  title: 'a Server selects no pod',
  *check({ resources, snapshot, isWhole }) {
    for (const { object, server } of readServers(snapshot, resources)) {
      const pods = podsIn(snapshot, server.ref.namespace).filter((pod) => pod.kind === server.selects);
      if ((pods.length === 0 && !isWhole) || podsOfServer(snapshot, server).length > 0) continue;
      const keys = [...server.selector.matchLabels.map(([key]) => key), ...server.selector.matchExpressions.map(({ key }) => key)];
      const seen = [
        ...new Set(pods.flatMap(({ labels }) => keys.flatMap((key) => (Object.hasOwn(labels, key) ? [`${key}: ${labels[key]}`] : [])))),
      ];
      yield {
        severity: isWhole && pods.length > 0 ? 'error' : 'warning',
        object,
        path: ['spec', server.selects === 'Pod' ? 'podSelector' : 'externalWorkloadSelector'],
        problem: `No ${server.selects === 'Pod' ? 'pod' : 'ExternalWorkload'} of namespace ${server.ref.namespace}${isWhole ? '' : ' among the objects'} has these labels.`,
        effect: effectOf(snapshot, object),
        right: seen.length > 0 ? `Labels that pods have: ${some(seen, 5)}` : 'The labels of the pods: kubectl get pods --show-labels',
        edits: [],
      };
    }
  },
};
