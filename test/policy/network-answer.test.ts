import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ClientTls } from '../../src/policy/evaluation.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { networkAnswer } from '../../src/policy/network-answer.ts';
import { type Resource, refOf } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { buildSnapshot, findWorkload, type Snapshot, withChanges } from '../../src/policy/snapshot.ts';
import { standInPods } from '../../src/policy/templates.ts';
import type { Workload } from '../../src/policy/workload.ts';

const story: Resource[] = JSON.parse(readFileSync(new URL('../fixtures/network-policy/story.json', import.meta.url), 'utf8'));
const manifests = story.filter((r) => r.kind !== 'Pod');
const standIns = standInPods(manifests, LINKERD_DEFAULTS);

function workload(snapshot: Snapshot, objects: readonly Resource[], app: string): Workload {
  const pod = objects.find((r) => r.kind === 'Pod' && r.metadata.labels?.['app'] === app) as Resource;
  return findWorkload(snapshot, 'Pod', pod.metadata.namespace, pod.metadata.name) as Workload;
}

function answer(snapshot: Snapshot, objects: readonly Resource[], client: string, tls: ClientTls | null) {
  const server = workload(snapshot, objects, 'backend');
  const policy = inboundServer(snapshot, server, 8080);
  return networkAnswer(snapshot, { client: workload(snapshot, objects, client), clientIp: null, tls, server, port: 8080, policy });
}

describe('networkAnswer on the recorded story', () => {
  test.each([
    ['recorded pods', story, story],
    ['stand-ins for pods that manifests do not hold', [...manifests, ...standIns], standIns],
  ])('with %s the frontend’s 4143 is denied on its way out', (_, objects, pods) => {
    const found = answer(buildSnapshot(objects, LINKERD_DEFAULTS), pods, 'frontend', null);
    expect(found?.wire).toEqual({ port: 4143, reason: 'transport-header', certain: true });
    const sides = [found?.verdict.verdict, found?.verdict.egress.verdict, found?.verdict.ingress.verdict];
    expect(sides).toEqual(['deny', 'deny', 'allow']);
  });

  test('the unmeshed scanner’s 8080 is denied on its way in', () => {
    const found = answer(buildSnapshot(story, LINKERD_DEFAULTS), story, 'scanner', { state: 'none', reason: 'no_tls_from_remote' });
    expect(found?.wire).toEqual({ port: 8080, reason: 'client-unmeshed', certain: true });
    expect([found?.verdict.verdict, found?.verdict.egress.verdict, found?.verdict.ingress.verdict]).toEqual(['deny', 'allow', 'deny']);
  });

  test('a change is seen by the copy and not by the original', () => {
    const snapshot = buildSnapshot(story, LINKERD_DEFAULTS);
    const open = story.find((r) => r.metadata.name === 'frontend-policy') as Resource;
    const wider = withChanges(snapshot, [{ apply: { ...open, spec: { podSelector: {}, policyTypes: ['Egress'], egress: [{}] } } }]);
    expect(answer(wider, story, 'frontend', null)?.verdict.verdict).toBe('allow');
    expect(answer(snapshot, story, 'frontend', null)?.verdict.verdict).toBe('deny');
  });

  test('the kubelet of the server’s own node is let in, whatever pods may not send', () => {
    const node = { hostIP: '192.168.77.10', hostIPs: [{ ip: '192.168.77.10' }] };
    const objects = story.map((r) => (r.kind === 'Pod' ? { ...r, status: { ...(r.status as object), ...node } } : r));
    const snapshot = buildSnapshot(objects, LINKERD_DEFAULTS);
    const server = workload(snapshot, objects, 'backend');
    const policy = inboundServer(snapshot, server, 8080);
    const from = (clientIp: string) => networkAnswer(snapshot, { client: null, clientIp, tls: null, server, port: 8080, policy })?.verdict;
    expect(from('192.168.77.10')).toMatchObject({ verdict: 'allow', egress: { exempt: 'no-pod' }, ingress: { exempt: 'own-node' } });
    expect(from('192.168.77.11')).toMatchObject({ verdict: 'deny', ingress: { exempt: null } });
  });

  test('a cluster without any NetworkPolicy has no answer', () => {
    const deletions = story.filter((r) => r.kind === 'NetworkPolicy').map((r) => ({ delete: refOf(r) }));
    expect(answer(withChanges(buildSnapshot(story, LINKERD_DEFAULTS), deletions), story, 'frontend', null)).toBeNull();
  });
});
