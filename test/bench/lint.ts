/** Lint on 5,000 manifests, as a multiple of reading them. */
import { openCluster } from '../../src/commands/cluster-view.ts';
import { lint } from '../../src/lint/lint.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { type Line, median, time } from './measure.ts';

const NAMESPACES = 100;
const APPS = 10;

/** Five objects for each of 1,000 workloads: ServiceAccount, Deployment, Server, MeshTLSAuthentication, AuthorizationPolicy. Every tenth policy names a Server that is not there. */
function manifests(): string {
  const documents: string[] = [];
  for (let n = 0; n < NAMESPACES; n++) {
    for (let a = 0; a < APPS; a++) {
      const [namespace, app] = [`team-${n}`, `app-${a}`];
      const metadata = `metadata:\n  name: ${app}\n  namespace: ${namespace}\n`;
      documents.push(
        `apiVersion: v1\nkind: ServiceAccount\n${metadata}`,
        `apiVersion: apps/v1\nkind: Deployment\n${metadata}spec:\n  selector:\n    matchLabels:\n      app: ${app}\n  template:\n    metadata:\n      labels:\n        app: ${app}\n      annotations:\n        linkerd.io/inject: enabled\n    spec:\n      serviceAccountName: ${app}\n      containers:\n        - name: app\n          image: example/app\n          ports:\n            - name: http\n              containerPort: 8080\n`,
        `apiVersion: policy.linkerd.io/v1beta3\nkind: Server\n${metadata}spec:\n  podSelector:\n    matchLabels:\n      app: ${app}\n  port: http\n  proxyProtocol: HTTP/1\n`,
        `apiVersion: policy.linkerd.io/v1alpha1\nkind: MeshTLSAuthentication\n${metadata}spec:\n  identityRefs:\n    - kind: ServiceAccount\n      name: app-${(a + 1) % APPS}\n`,
        `apiVersion: policy.linkerd.io/v1alpha1\nkind: AuthorizationPolicy\n${metadata}spec:\n  targetRef:\n    group: policy.linkerd.io\n    kind: Server\n    name: ${a === 0 ? 'absent' : app}\n  requiredAuthenticationRefs:\n    - group: policy.linkerd.io\n      kind: MeshTLSAuthentication\n      name: ${app}\n`,
      );
    }
  }
  return documents.join('---\n');
}

export function benchLint(rounds: number): readonly Line[] {
  const text = manifests();
  const ratios: number[] = [];
  for (let i = 0; i < rounds; i++) {
    let resources: ReturnType<typeof readManifests>['resources'] = [];
    const reading = time(1, () => {
      resources = readManifests(text, 'all.yaml').resources;
    });
    const linting = time(1, () => {
      const changes = resources.map((resource) => ({ at: null, type: 'applied' as const, resource }));
      const { view } = openCluster({ changes, files: new Map([['all.yaml', text]]), notices: [], isHistory: false }, {});
      const found = lint({ resources, snapshot: view.at(null), isWhole: false }, new Map([['all.yaml', text]]));
      if (found.length < NAMESPACES) throw new Error(`${found.length} findings`);
    });
    ratios.push(linting / reading);
  }
  return [{ name: 'lint of 5,000 manifests, to reading them', value: median(ratios), unit: 'x', aim: null, rounds: ratios }];
}
