/** What lets in too much is narrowed: of the cases, and of Servers that are open or that enforce. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTally } from '../../src/evidence/tally.ts';
import { explain } from '../../src/explain.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { buildSnapshot } from '../../src/policy/snapshot.ts';
import { withStatuses } from '../../src/policy/status.ts';
import type { StandingWayOut } from '../../src/remedies/of-standing.ts';
import { showNewcomer } from '../../src/remedies/wording.ts';
import { caseFolders, caseOf } from '../case-folder.ts';

const CASES = caseFolders(join(import.meta.dirname, '../cases'));
const IDS: ReadonlySet<string> = new Set(['route-policy-does-not-restrict', 'access-policy-decides']);

function told({ wayOut: { verdict, reasons, remedies } }: StandingWayOut): string {
  return [
    `# ${verdict}`,
    ...reasons,
    ...remedies.flatMap(({ title, steps, tightens, changes, proof }) => [
      title,
      `tightens: ${tightens}`,
      ...(proof?.newlyIn ?? []).map((one) => `newly lets in: ${showNewcomer(one)}`),
      ...(proof?.shutOut ?? []).map((one) => `shuts out: ${showNewcomer(one)}`),
      ...steps.flatMap(({ text, command }) => [`- ${text}`, ...(command === null ? [] : [`  ${command}`])]),
      ...changes.map(({ diff }) => diff),
    ]),
  ].join('\n');
}

describe('the cases of what lets in too much', () => {
  it.each(CASES.filter(({ id }) => IDS.has(id)).map((folder) => [`${folder.id}-${folder.name}`, folder] as const))(
    '%s',
    async (name, folder) => {
      const { case: asked, files } = await caseOf(folder);
      const { tightenings } = explain({ ...asked, remedies: { files, forceGrant: false } });
      const texts = tightenings
        .map(told)
        .join('\n')
        .replaceAll(join(import.meta.dirname, '..').slice(1), '…');
      if (tightenings.length > 0) await expect(`${texts}\n`).toMatchFileSnapshot(`golden/narrow-policy-${name}.txt`);
      else expect(name).toMatch(/quiet|firing-authenticated/);
    },
  );
});

describe('every case', () => {
  it.each(CASES.map((folder) => [`${folder.id}/${folder.name}`, folder] as const))(
    '%s: no tightening is the way out of a denial',
    async (_, folder) => {
      const { case: asked, files } = await caseOf(folder);
      const { clients, tightenings } = explain({ ...asked, remedies: { files, forceGrant: true } });
      const ofDenials = clients.flatMap(({ targets }) => targets.flatMap(({ wayOut }) => wayOut?.remedies ?? []));
      expect(ofDenials.filter(({ id }) => id === 'narrow-policy')).toEqual([]);
      for (const { wayOut } of tightenings) {
        expect(wayOut.verdict).toBe('decide');
        for (const { tightens, proof } of wayOut.remedies) {
          expect(tightens).toMatch(/^It shuts out /);
          expect(proof?.newlyIn ?? []).toEqual([]);
        }
      }
    },
  );
});

const parts = (accessPolicy: string, grant: string, probe: string) => `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, linkerd.io/control-plane-ns: linkerd}}
spec:
  serviceAccountName: web
  initContainers: [{name: linkerd-proxy, image: proxy, restartPolicy: Always}]
  containers: [{name: app, ports: [{name: http, containerPort: 8080}]${probe}}]
status: {podIP: 10.0.0.1, hostIP: 192.168.0.1, phase: Running}
---
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: web, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, port: http, proxyProtocol: HTTP/1${accessPolicy === '' ? '' : `, accessPolicy: ${accessPolicy}`}}
---
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: admin, namespace: shop}
spec: {parentRefs: [{group: policy.linkerd.io, kind: Server, name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /admin}}]}]}
---
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: rest, namespace: shop}
spec: {parentRefs: [{group: policy.linkerd.io, kind: Server, name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /}}]}]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: admin, namespace: shop}
spec: {targetRef: {group: policy.linkerd.io, kind: HTTPRoute, name: admin}, requiredAuthenticationRefs: [{kind: ServiceAccount, name: boss}]}
${grant}`;
const networkGrant = (cidr: string) => `---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: wide, namespace: shop}
spec: {targetRef: {group: policy.linkerd.io, kind: Server, name: web}, requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: NetworkAuthentication, name: wide}]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: NetworkAuthentication
metadata: {name: wide, namespace: shop}
spec: {networks: [${cidr}]}
`;
const EVERYWHERE = networkGrant('{cidr: 0.0.0.0/0}, {cidr: "::/0"}');
const CLUSTER = networkGrant('{cidr: 10.0.0.0/8}').replace(
  'requiredAuthenticationRefs: [',
  'requiredAuthenticationRefs: [{kind: ServiceAccount, name: boss}, ',
);

function narrowed(accessPolicy: string, grant = '', probe = '') {
  const { resources } = readManifests(parts(accessPolicy, grant, probe), 'x.yaml', {});
  const snapshot = buildSnapshot(withStatuses(resources), LINKERD_DEFAULTS);
  const question = { namespace: 'shop', workload: null, port: null, at: null };
  const { tightenings } = explain({
    tally: createTally(),
    cluster: { at: () => snapshot, moments: [] },
    question,
    remedies: { files: new Map(), forceGrant: false },
  });
  return tightenings.map(({ wayOut }) => ({
    text: JSON.stringify(wayOut.remedies.map(({ title, steps, changes }) => [title, steps, changes.map(({ manifest }) => manifest)])),
    changes: wayOut.remedies.flatMap(({ changes }) => changes.map(({ action, object: { kind, name } }) => `${action} ${kind} ${name}`)),
    reasons: wayOut.reasons,
  }));
}

const AUDIT = /accessPolicy\\*":\\*"audit|accessPolicy audit/;

describe('accessPolicy audit', () => {
  it.each([
    ['all-unauthenticated', '', true],
    ['', EVERYWHERE, true],
    ['deny', EVERYWHERE, true],
    ['all-authenticated', EVERYWHERE, true],
    ['all-authenticated', '', false],
    ['cluster-authenticated', '', false],
    ['cluster-unauthenticated', '', false],
    ['', CLUSTER, false],
  ])('accessPolicy %j with %j: tried %s', (accessPolicy, grant, isTried) => {
    const found = narrowed(accessPolicy, grant);
    const texts = found.map(({ text }) => AUDIT.test(text));
    if (isTried) expect(texts).toContain(true);
    else expect(texts).not.toContain(true);
  });
});

describe('a policy on the Server', () => {
  it('moves to the route that stays open', () => {
    expect(narrowed('', EVERYWHERE)[0]?.changes).toEqual(['edit AuthorizationPolicy wide']);
  });

  it('is not moved where a probe would lose its way', () => {
    const [found] = narrowed('', EVERYWHERE, ', readinessProbe: {httpGet: {path: /admin/ready, port: 8080}}');
    expect(found).toMatchObject({ changes: [], reasons: [expect.stringContaining('probes')] });
  });
});
