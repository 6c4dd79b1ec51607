/** Who may talk to the test cluster, and the kubeconfig files that say so. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** `admin` may do everything; `viewer` has ClusterRole `view` and reads Linkerd's and the operator's objects. The others are the cluster's own programs. */
export type User = 'admin' | 'viewer' | 'prometheus-operator' | 'system:kube-controller-manager';

/** Of kube-apiserver's `--token-auth-file`. The controller manager's rights come with its name. */
const GROUPS: Readonly<Record<User, string>> = {
  admin: 'system:masters',
  viewer: '',
  'prometheus-operator': 'system:masters',
  'system:kube-controller-manager': '',
};

export type Tokens = Readonly<Record<User, string>>;

/** New secrets, written as `directory/tokens.csv`, readable by this user alone. */
export function writeTokens(directory: string): { tokens: Tokens; file: string } {
  const token = () => randomBytes(24).toString('hex');
  const tokens: Tokens = {
    admin: token(),
    viewer: token(),
    'prometheus-operator': token(),
    'system:kube-controller-manager': token(),
  };
  const file = join(directory, 'tokens.csv');
  const lines = Object.entries(GROUPS).map(
    ([name, group]) => `${tokens[name as User]},${name},${name}${group === '' ? '' : `,${group}`}\n`,
  );
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  return { tokens, file };
}

export interface Endpoint {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
}

/** Writes `directory/NAME.kubeconfig` and returns its path. */
export function writeKubeconfig(directory: string, name: string, { server, ca }: Endpoint, token: string): string {
  const file = join(directory, `${name.replaceAll(/[^\w.-]/g, '-')}.kubeconfig`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'denywhy-test',
    clusters: [{ name: 'denywhy-test', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name, user: { token } }],
    contexts: [{ name: 'denywhy-test', context: { cluster: 'denywhy-test', user: name } }],
  };
  writeFileSync(file, stringify(config), { mode: 0o600 });
  return file;
}

/** What makes `viewer` one: `view`, which gains the kinds of these API groups by aggregation. */
export function viewerRoles(apiGroups: readonly string[]): readonly object[] {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  return [
    {
      apiVersion,
      kind: 'ClusterRole',
      metadata: { name: 'denywhy-test-view', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
      rules: [{ apiGroups, resources: ['*'], verbs: ['get', 'list', 'watch'] }],
    },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'denywhy-test-viewer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'viewer' }],
    },
  ];
}
