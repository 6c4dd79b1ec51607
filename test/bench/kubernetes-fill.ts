/** A real API server with 10,000 pods as large as recorded ones, and 5,000 policy objects. */
import { readFileSync } from 'node:fs';
import type { Api, KubeObject } from '../cluster/api.ts';
import { createUnlessThere } from '../cluster/cluster.ts';
import { asSent } from '../cluster/story-workloads.ts';

const NAMESPACES = 100;
const PODS_EACH = 100;
/** Of each of the five kinds below. */
const POLICIES_EACH = 10;
const AT_ONCE = 16;
const GROUP = 'policy.linkerd.io';

export async function fillLargeCluster(api: Api): Promise<void> {
  const recorded = recordedPod();
  const account = String((recorded['spec'] as { serviceAccountName?: string }).serviceAccountName);
  const work: (() => Promise<unknown>)[] = [];
  for (let n = 0; n < NAMESPACES; n++) {
    const namespace = `team-${n}`;
    await createUnlessThere(api, '/api/v1/namespaces', { metadata: { name: namespace, annotations: { 'linkerd.io/inject': 'enabled' } } });
    await createUnlessThere(api, `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: account } });
    for (let i = 0; i < PODS_EACH; i++) work.push(() => createPod(api, recorded, namespace, n, i));
    for (const [version, resource, object] of policies(namespace))
      work.push(() => api.create(`/apis/${GROUP}/${version}/namespaces/${namespace}/${resource}`, object));
  }
  await inParallel(work);
}

/** As the injector made it, with 70 environment variables and three owners of its fields. */
function recordedPod(): KubeObject {
  const file = new URL('../fixtures/kubernetes-api/watch-pods-rollout.jsonl', import.meta.url);
  const last = readFileSync(file, 'utf8').trim().split('\n').at(-1) ?? '';
  return (JSON.parse(last) as { object: KubeObject }).object;
}

async function createPod(api: Api, recorded: KubeObject, namespace: string, n: number, i: number): Promise<void> {
  const { metadata, ...rest } = asSent(recorded);
  const app = `app-${i % POLICIES_EACH}`;
  const name = `${app}-78ddfb45f8-${i.toString(36).padStart(5, 'x')}`;
  const path = `/api/v1/namespaces/${namespace}/pods`;
  await api.create(path, { ...rest, metadata: { ...metadata, name, namespace, labels: { ...metadata.labels, app } } });
  const podIP = `10.42.${n}.${i}`;
  const status = { ...(recorded['status'] as object), podIP, podIPs: [{ ip: podIP }] };
  await api.merge(`${path}/${name}/status`, { status });
}

function policies(namespace: string): readonly (readonly [version: string, resource: string, object: object])[] {
  const made: [string, string, object][] = [];
  const ref = (kind: string, name: string) => ({ group: GROUP, kind, name });
  for (let i = 0; i < POLICIES_EACH; i++) {
    const object = (kind: string, version: string, name: string, spec: object) => ({
      apiVersion: `${GROUP}/${version}`,
      kind,
      metadata: { name, namespace },
      spec,
    });
    const server = { podSelector: { matchLabels: { app: `app-${i}` } }, port: 8080, proxyProtocol: 'HTTP/1' };
    const route = { parentRefs: [ref('Server', `s${i}`)], rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/api' } }] }] };
    const policy = { targetRef: ref('HTTPRoute', `r${i}`), requiredAuthenticationRefs: [ref('MeshTLSAuthentication', `m${i}`)] };
    made.push(['v1beta3', 'servers', object('Server', 'v1beta3', `s${i}`, server)]);
    made.push(['v1beta3', 'httproutes', object('HTTPRoute', 'v1beta3', `r${i}`, route)]);
    made.push(['v1alpha1', 'authorizationpolicies', object('AuthorizationPolicy', 'v1alpha1', `p${i}`, policy)]);
    made.push([
      'v1alpha1',
      'meshtlsauthentications',
      object('MeshTLSAuthentication', 'v1alpha1', `m${i}`, { identities: [identity(namespace)] }),
    ]);
    made.push([
      'v1alpha1',
      'networkauthentications',
      object('NetworkAuthentication', 'v1alpha1', `n${i}`, { networks: [{ cidr: '10.42.0.0/16' }] }),
    ]);
  }
  return made;
}

export function identity(namespace: string): string {
  return `client.${namespace}.serviceaccount.identity.linkerd.cluster.local`;
}

async function inParallel(work: readonly (() => Promise<unknown>)[]): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let one = work[next++]; one !== undefined; one = work[next++]) await one();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
