/** Edits of an object in the text of its file. */
import { describe, expect, it } from 'vitest';
import { keeperOf } from '../../src/manifests/keeper.ts';
import { manifestOf } from '../../src/manifests/manifest.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { editedDiff } from '../../src/manifests/source-edit.ts';
import { unifiedDiff } from '../../src/manifests/unified-diff.ts';
import { refOf } from '../../src/policy/resource.ts';

const TEXT = `# who may
apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata: {name: frontend-mtls, namespace: shop}  # one line
spec:
  identities:   # literal
  - "frontend.prod.serviceaccount.identity.linkerd.cluster.local" # a slip
  - '*.other'
---
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata:
  name: backend-http
  namespace: shop
spec:
    port: http
    podSelector:
        matchLabels: { app: backend }
`;

function diffOf(kind: string, alter: (spec: Record<string, unknown>) => Record<string, unknown>, text = TEXT): string | null {
  const resource = readManifests(text, 'policy.yaml', {}).resources.find((one) => one.kind === kind);
  if (resource === undefined) throw new Error(`no ${kind}`);
  const next = { ...resource, spec: alter(resource.spec as Record<string, unknown>) };
  return editedDiff(text, 'policy.yaml', refOf(resource), manifestOf(resource), manifestOf(next));
}

function changedLines(diff: string | null): readonly string[] {
  return (diff ?? '').match(/^[-+](?![-+]{2} ).*$/gm) ?? [];
}

describe('an edit in the text', () => {
  it('changes one value, in the quotes that stand there, and keeps comments', () => {
    const diff = diffOf('MeshTLSAuthentication', (spec) => ({ ...spec, identities: ['frontend.shop.x', '*.other'] }));
    expect(changedLines(diff)).toEqual([
      '-  - "frontend.prod.serviceaccount.identity.linkerd.cluster.local" # a slip',
      '+  - "frontend.shop.x" # a slip',
    ]);
  });

  it('adds an item behind the last, as far to the right', () => {
    const diff = diffOf('MeshTLSAuthentication', (spec) => ({
      ...spec,
      identities: [...(spec['identities'] as string[]), 'admin.shop.x'],
    }));
    expect(changedLines(diff)).toEqual(['+  - admin.shop.x']);
  });

  it('adds a field at the end of its mapping, and takes one out', () => {
    expect(changedLines(diffOf('Server', (spec) => ({ ...spec, proxyProtocol: 'HTTP/1' })))).toEqual(['+    proxyProtocol: HTTP/1']);
    expect(changedLines(diffOf('Server', ({ port: _, ...spec }) => spec))).toEqual(['-    port: http']);
  });

  it('edits a mapping that stands on one line', () => {
    const diff = diffOf('Server', (spec) => ({ ...spec, podSelector: { matchLabels: { app: 'backend', tier: 'api' } } }));
    expect(changedLines(diff)).toEqual(['-        matchLabels: { app: backend }', '+        matchLabels: { app: backend, "tier": "api" }']);
  });

  it('is none where the file holds the object twice, or is JSON', () => {
    expect(diffOf('Server', (spec) => ({ ...spec, port: 8080 }), `${TEXT}---\n${TEXT}`)).toBeNull();
    const json = JSON.stringify({
      apiVersion: 'policy.linkerd.io/v1beta3',
      kind: 'Server',
      metadata: { name: 'a', namespace: 'b' },
      spec: { port: 1 },
    });
    expect(diffOf('Server', (spec) => ({ ...spec, port: 2 }), json)).toBeNull();
  });

  it('never lets a hostile value become structure', () => {
    const diff = diffOf('MeshTLSAuthentication', (spec) => ({ ...spec, identities: ['a"\n  - evil: [', '*.other'] }));
    expect(changedLines(diff)).toEqual([expect.stringMatching(/^-/), '+  - "a\\"\\n  - evil: [" # a slip']);
  });
});

describe('a unified diff', () => {
  it('says where a line is missing at the end, and makes hunks of what is far apart', () => {
    const lines = Array.from({ length: 20 }, (_, i) => `${i}`);
    const before = lines.join('\n');
    const after = lines.map((line, i) => (i === 1 || i === 18 ? `${line}!` : line)).join('\n');
    expect(unifiedDiff('a.yaml', before, after)).toBe(
      '--- a/a.yaml\n+++ b/a.yaml\n@@ -1,5 +1,5 @@\n 0\n-1\n+1!\n 2\n 3\n 4\n@@ -16,5 +16,5 @@\n 15\n 16\n 17\n-18\n+18!\n 19\n\\ No newline at end of file\n',
    );
    expect(unifiedDiff('a', 'x', 'x')).toBe('');
    expect(unifiedDiff('evil\n+++ b/etc', '', 'x\n').split('\n').length).toBe(5);
  });
});

describe('who keeps an object', () => {
  const keeper = (metadata: object) => keeperOf({ apiVersion: 'v1', kind: 'Server', metadata: { name: 'a', namespace: 'b', ...metadata } });
  it.each([
    [
      'Argo CD by its tracking',
      { annotations: { 'argocd.argoproj.io/tracking-id': 'shop:policy.linkerd.io/Server:b/a' } },
      { tool: 'Argo CD', name: 'shop' },
    ],
    ['Argo CD by its manager', { managedFields: [{ manager: 'argocd-controller', operation: 'Apply' }] }, { tool: 'Argo CD', name: null }],
    ['Flux', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' } }, { tool: 'Flux', name: 'apps' }],
    [
      'Helm',
      { labels: { 'app.kubernetes.io/managed-by': 'Helm' }, annotations: { 'meta.helm.sh/release-name': 'shop' } },
      { tool: 'Helm', name: 'shop' },
    ],
    [
      'a controller',
      { ownerReferences: [{ apiVersion: 'v1', kind: 'App', name: 'x', controller: true }] },
      { tool: 'controller', name: 'App x' },
    ],
    ['nobody', { labels: { app: 'a' }, managedFields: [{ manager: 'kubectl-edit', operation: 'Update' }] }, null],
  ])('%s', (_, metadata, expected) => {
    expect(keeper(metadata)).toEqual(expected);
  });
});
