import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { networkLookups, unreadableNetworkPolicies } from '../../src/policy/network-lookups.ts';
import { networkVerdict } from '../../src/policy/network-verdict.ts';
import { type Resource, refOf } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { buildSnapshot, withChanges } from '../../src/policy/snapshot.ts';
import { standInPods } from '../../src/policy/templates.ts';
import { wirePort } from '../../src/policy/wire-port.ts';

const story: Resource[] = JSON.parse(readFileSync(new URL('../fixtures/network-policy/story.json', import.meta.url), 'utf8'));
const podOf = (resources: readonly Resource[], app: string) =>
  resources.find((r) => r.kind === 'Pod' && r.metadata.labels?.['app'] === app) as Resource;

function verdict(snapshot: ReturnType<typeof buildSnapshot>, client: Resource, server: Resource, port: number) {
  return networkVerdict(networkLookups(snapshot), { client: { type: 'pod', pod: client, ip: null }, server, port });
}

describe('networkLookups', () => {
  test('a snapshot answers as its objects do', () => {
    const snapshot = buildSnapshot(story, LINKERD_DEFAULTS);
    const lookups = networkLookups(snapshot);
    expect(lookups.networkPolicies('production').map((p) => p.ref.name)).toEqual([
      'allow-linkerd-control-plane',
      'backend-policy',
      'database-policy',
      'default-deny-all',
      'frontend-policy',
    ]);
    expect(lookups.networkPolicies('security')).toEqual([]);
    expect(lookups.anyEgress).toBe(true);
    expect(lookups.namespaceLabels('nowhere')).toBeNull();
    expect(verdict(snapshot, podOf(story, 'frontend'), podOf(story, 'backend'), 4143).verdict).toBe('deny');
  });

  test('a change is seen by the copy and not by the original', () => {
    const snapshot = buildSnapshot(story, LINKERD_DEFAULTS);
    const policies = story.filter((r) => r.kind === 'NetworkPolicy');
    const without = withChanges(
      snapshot,
      policies.map((p) => ({ delete: refOf(p) })),
    );
    const [client, server] = [podOf(story, 'frontend'), podOf(story, 'backend')];
    expect(verdict(without, client, server, 4143).verdict).toBe('allow');
    expect(networkLookups(without).anyEgress).toBe(false);
    expect(verdict(snapshot, client, server, 4143).verdict).toBe('deny');
  });

  test('refused policies have no effect and are listed', () => {
    const bad: Resource = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'bad', namespace: 'production' },
      spec: { policyTypes: ['all'] },
    };
    const snapshot = buildSnapshot([bad], LINKERD_DEFAULTS);
    expect(networkLookups(snapshot).networkPolicies('production')).toEqual([]);
    expect(unreadableNetworkPolicies(snapshot)).toEqual([
      { ref: refOf(bad), why: 'spec.policyTypes: "all" is neither Ingress nor Egress' },
    ]);
  });

  test('stand-ins for pods get the verdict of the pods they stand for', () => {
    const manifests = story.filter((r) => r.kind !== 'Pod');
    const pods = standInPods(manifests, LINKERD_DEFAULTS);
    const snapshot = buildSnapshot([...manifests, ...pods], LINKERD_DEFAULTS);
    const [client, server] = [podOf(pods, 'frontend'), podOf(pods, 'backend')];
    const wire = wirePort({
      client: { meshed: true, pod: client },
      server,
      port: 8080,
      dialled: 80,
      opaque: false,
      transport: 'transport-header',
    });
    expect(wire).toEqual({ port: 4143, reason: 'transport-header', certain: true });
    const { verdict: stood, egress, ingress } = verdict(snapshot, client, server, wire.port);
    expect([stood, egress.verdict, ingress.verdict]).toEqual(['deny', 'deny', 'allow']);
  });
});
