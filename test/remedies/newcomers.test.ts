/** A change that lets in very many is told by what they are, and not one by one. */
import { describe, expect, it } from 'vitest';
import { proofData } from '../../src/commands/explain-remedies.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { buildSnapshot, findResource, findWorkload, type ObjectChange } from '../../src/policy/snapshot.ts';
import { excessOf, type Proving, prove } from '../../src/remedies/proof.ts';
import type { Newcomer } from '../../src/remedies/remedy.ts';
import { showNewcomer } from '../../src/remedies/wording.ts';

const namespaceOf = (i: number) => `ns-${i}`;
const objectsOf = (i: number) => `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: ${namespaceOf(i)}, labels: {app: web, linkerd.io/control-plane-ns: linkerd}}
spec:
  serviceAccountName: web
  initContainers: [{name: linkerd-proxy, image: proxy, restartPolicy: Always}]
  containers: [{name: app, ports: [{name: http, containerPort: 8080}]}]
status: {podIP: 10.${Math.floor(i / 200)}.${i % 200}.1, hostIP: 192.168.0.1, phase: Running}
---
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: web, namespace: ${namespaceOf(i)}}
spec: {podSelector: {matchLabels: {app: web}}, port: http, proxyProtocol: HTTP/1}
---`;

/** Every Server of the cluster opened to everyone, proved for one client. */
function opened(size: number) {
  const { resources } = readManifests(Array.from({ length: size }, (_, i) => objectsOf(i)).join(''), 'all.yaml', {});
  const snapshot = buildSnapshot(resources, LINKERD_DEFAULTS);
  const pod = findWorkload(snapshot, 'Pod', namespaceOf(0), 'web');
  if (pod === null) throw new Error('no pod');
  const clientId = `web.${namespaceOf(1)}.serviceaccount.identity.linkerd.cluster.local`;
  const connection = { clientIp: '10.0.1.1', tls: { state: 'established', clientId } } as const;
  const evaluation = evaluate(inboundServer(snapshot, pod, 8080), connection, {
    type: 'http-on-route',
    route: { group: '', kind: 'default', name: 'default' },
  });
  const changes = Array.from({ length: size }, (_, i): ObjectChange => {
    const server = findResource(snapshot, { group: 'policy.linkerd.io', kind: 'Server', namespace: namespaceOf(i), name: 'web' });
    if (server === null) throw new Error('no Server');
    return { apply: { ...server, spec: { ...(server.spec as object), accessPolicy: 'all-unauthenticated' } } };
  });
  const law = { evaluation, snapshot, pod, port: 8080, agrees: true, excluded: [], nearServers: [], unattachedRoutes: [], network: null };
  const plea: Proving = { law, snapshot, pod, port: 8080, denied: { seen: { observations: [] }, client: { ref: { pod: null } } } };
  const proof = prove(plea, changes, null);
  if (proof === null) throw new Error('not proved');
  return proof;
}

describe('who newly gets in', () => {
  it('is told one by one where they are few', () => {
    const { newlyIn } = opened(5);
    expect(newlyIn.every(({ alike }) => alike === undefined)).toBe(true);
    // Four other ServiceAccounts, and whoever has none of theirs, at each of five Servers.
    expect(newlyIn.filter(({ who }) => who.type === 'service-account').length).toBe(4 * 5);
  });

  it('is told by kind where they are very many, each with an example and how many are like it', () => {
    const proof = opened(150);
    expect(showNewcomer(proof.newlyIn[0] as Newcomer)).toMatch(
      /^sa\/web in ns-0 and 148 like it: \d kinds of request on port 8080 of Server ns-0\/web and 149 like it$/,
    );
    expect(proof.newlyIn.length).toBeLessThan(10);
    expect(proof.newlyIn[0]).toMatchObject({ pods: 150, alike: { clients: 148, ports: 149 } });
    expect(new Set(proof.newlyIn.map(({ who }) => who.type)).size).toBe(proof.newlyIn.length);
    expect(proofData(proof).newlyIn[0]).toMatchObject({ client: 'sa/web in ns-0 and 148 like it', alike: { clients: 148, ports: 149 } });
  });

  it('is weighed by how many they are, whatever the number of lines', () => {
    const [few, many] = [opened(5), opened(150)];
    expect(many.newlyIn.length).toBeLessThan(few.newlyIn.length);
    expect(excessOf(many)).toBeGreaterThan(excessOf(few));
  });
});
