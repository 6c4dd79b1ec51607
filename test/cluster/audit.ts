/** What the API server of the test cluster writes down: who wrote what to policy objects, in full; of other requests, that they came. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';

const OF_INTEREST = [
  'policy.linkerd.io',
  'workload.linkerd.io',
  'linkerd.io',
  'gateway.networking.k8s.io',
  'networking.k8s.io',
  'monitoring.coreos.com',
];

/** https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/: the first rule that matches decides. */
const POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    {
      level: 'None',
      users: ['system:apiserver', 'system:kube-controller-manager', 'prometheus-operator'],
      verbs: ['get', 'list', 'watch'],
    },
    { level: 'None', userGroups: ['system:serviceaccounts:kube-system'], verbs: ['get', 'list', 'watch'] },
    { level: 'None', resources: [{ group: '', resources: ['events'] }, { group: 'events.k8s.io' }, { group: 'coordination.k8s.io' }] },
    { level: 'None', nonResourceURLs: ['/livez*', '/readyz*', '/healthz*', '/version', '/openapi*', '/api', '/apis', '/api/*', '/apis/*'] },
    {
      level: 'RequestResponse',
      verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'],
      resources: OF_INTEREST.map((group) => ({ group })),
    },
    { level: 'Metadata' },
  ],
};

/** Writes the audit policy into `directory`; returns the flags of kube-apiserver for it and for a log beside it. */
export function auditFlags(directory: string, log: string): readonly string[] {
  const file = join(directory, 'audit-policy.yaml');
  writeFileSync(file, stringify(POLICY));
  return [`--audit-policy-file=${file}`, `--audit-log-path=${log}`, '--audit-log-mode=blocking'];
}
