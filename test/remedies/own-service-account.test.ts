/** A workload that runs as a shared ServiceAccount gets one of its own: of every kind that has a template, and where it cannot be. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withApplied } from '../../src/access/applied.ts';
import { getsIn } from '../../src/access/compare.ts';
import { showRemedy } from '../../src/commands/explain-remedy.ts';
import { createTally } from '../../src/evidence/tally.ts';
import { explain, type TargetExplanation } from '../../src/explain.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { keptOf } from '../../src/policy/kept.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { buildSnapshot, findWorkload, type Snapshot } from '../../src/policy/snapshot.ts';
import { standInPods } from '../../src/policy/templates.ts';
import type { Remedy, WayOut } from '../../src/remedies/remedy.ts';
import { showNewcomer } from '../../src/remedies/wording.ts';
import { caseFolders, caseOf } from '../case-folder.ts';

const FILE = 'shop.yaml';
const DEFAULT = 'default.shop.serviceaccount.identity.linkerd.cluster.local';

const pod = (name: string, ip: string, account: string) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: shop, labels: {app: ${name}, linkerd.io/control-plane-ns: linkerd}}
spec:
  serviceAccountName: ${account}
  initContainers: [{name: linkerd-proxy, image: proxy, restartPolicy: Always}]
  containers: [{name: app, ports: [{name: http, containerPort: 8080}]}]
status: {podIP: ${ip}, phase: Running}
---`;
const server = (app: string) => `
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: ${app}, namespace: shop}
spec: {podSelector: {matchLabels: {app: ${app}}}, port: http, proxyProtocol: HTTP/1}
---`;
const policy = (app: string, refs: string) => `
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: ${app}-clients, namespace: shop}
spec: {targetRef: {group: policy.linkerd.io, kind: Server, name: ${app}}, requiredAuthenticationRefs: [${refs}]}
---`;
const BASE = [
  pod('web', '10.0.0.1', 'web'),
  pod('stock', '10.0.0.2', 'stock'),
  pod('other', '10.0.0.3', 'default'),
  server('web'),
  server('stock'),
  policy('web', '{kind: ServiceAccount, name: admin}'),
].join('');

const TEMPLATE =
  'metadata: {labels: {app: batch}, annotations: {linkerd.io/inject: enabled}}, spec: {containers: [{name: app, image: batch}]}';
const WORKLOADS: Readonly<Record<string, string>> = {
  Deployment: `{apiVersion: apps/v1, kind: Deployment, metadata: {name: batch, namespace: shop}, spec: {selector: {matchLabels: {app: batch}}, template: {${TEMPLATE}}}}`,
  StatefulSet: `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: batch, namespace: shop}, spec: {serviceName: batch, selector: {matchLabels: {app: batch}}, template: {${TEMPLATE}}}}`,
  DaemonSet: `{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: batch, namespace: shop}, spec: {selector: {matchLabels: {app: batch}}, template: {${TEMPLATE}}}}`,
  Job: `{apiVersion: batch/v1, kind: Job, metadata: {name: batch, namespace: shop}, spec: {template: {${TEMPLATE}}}}`,
  CronJob: `{apiVersion: batch/v1, kind: CronJob, metadata: {name: batch, namespace: shop}, spec: {schedule: 0 4 * * *, jobTemplate: {spec: {template: {${TEMPLATE}}}}}}`,
};

function clusterOf(text: string, kept: (resource: Resource) => Resource = (resource) => resource): Snapshot {
  const { resources } = readManifests(text, FILE, {});
  const objects = resources.map(kept);
  return buildSnapshot([...objects, ...standInPods(objects, LINKERD_DEFAULTS)], LINKERD_DEFAULTS);
}

/** Of the denial of the workload's pods at `shop/web`. */
function deniedAt(snapshot: Snapshot, files: ReadonlyMap<string, string>): TargetExplanation {
  const tally = createTally();
  tally.add({
    type: 'denial',
    kind: 'http-denied',
    at: null,
    reporter: { cluster: '', namespace: 'shop', pod: 'web', workload: null },
    server: { group: 'policy.linkerd.io', kind: 'server', name: 'web' },
    route: { group: '', kind: 'default', name: 'default' },
    port: 8080,
    admin: false,
    client: { ip: '10.0.0.9', port: null, tls: { state: 'established', clientId: DEFAULT } },
    request: null,
    count: 1,
    sinceBefore: false,
    error: null,
    didNotApply: [],
    source: { kind: 'log', name: 'x', line: 1, raw: '' },
  });
  const question = { namespace: null, workload: null, port: null, at: null };
  const { clients } = explain({ tally, cluster: { at: () => snapshot, moments: [] }, question, remedies: { files, forceGrant: false } });
  const [target] = clients[0]?.targets ?? [];
  if (target === undefined) throw new Error('nothing was denied');
  return target;
}

/** The running pod of the workload, by which the client is known. */
const RUNNING = (kind: string) => {
  const [ownerKind, group, owner] =
    kind === 'CronJob' ? ['CronJob', 'batch/v1', 'batch'] : [kind, kind === 'Job' ? 'batch/v1' : 'apps/v1', 'batch'];
  return `
apiVersion: v1
kind: Pod
metadata:
  name: batch-x1
  namespace: shop
  labels: {app: batch, linkerd.io/control-plane-ns: linkerd}
  ownerReferences: [{apiVersion: ${group}, kind: ${ownerKind}, name: ${owner}, controller: true}]
spec:
  serviceAccountName: default
  initContainers: [{name: linkerd-proxy, image: proxy, restartPolicy: Always}]
  containers: [{name: app}]
status: {podIP: 10.0.0.9, phase: Running}
---`;
};

function wayOutFor(
  kind: string,
  more = '',
  kept?: (resource: Resource) => Resource,
  written = WORKLOADS[kind],
): { readonly wayOut: WayOut; readonly snapshot: Snapshot } {
  const text = `${BASE}${RUNNING(kind)}${more}\n${written ?? ''}\n`;
  const snapshot = clusterOf(text, kept);
  const { wayOut } = deniedAt(snapshot, kept === undefined ? new Map([[FILE, text]]) : new Map());
  if (wayOut === null) throw new Error('no way out');
  return { wayOut, snapshot };
}

function told(remedy: Remedy): string {
  const { title, steps, proof } = remedy;
  return [
    title,
    ...steps.flatMap(({ text, command }) => [`- ${text}`, ...(command === null ? [] : [`  ${command}`])]),
    ...(proof?.clientToo ?? []).map((one) => `lets it in too: ${showNewcomer(one)}`),
    `newly lets in: ${proof?.newlyIn.map(showNewcomer).join('; ') || 'nobody else'}`,
    `shuts out: ${proof?.shutOut.map(showNewcomer).join('; ') || 'nobody'}`,
    showRemedy(remedy, 'yaml', null),
    showRemedy(remedy, 'diff', null),
  ].join('\n');
}

/** Whether a pod that runs as the identity gets in at `shop/NAME`. */
function reaches(snapshot: Snapshot, name: string, clientId: string): boolean {
  const to = findWorkload(snapshot, 'Pod', 'shop', name);
  if (to === null) throw new Error(`no pod ${name}`);
  const traffic = { type: 'http-on-route', route: { group: '', kind: 'default', name: 'default' } } as const;
  const connection = { clientIp: '10.0.0.9', tls: { state: 'established' as const, clientId } };
  return getsIn(evaluate(inboundServer(snapshot, to, 8080), connection, traffic).verdict);
}

function appliedOf(snapshot: Snapshot, { changes }: Remedy): Snapshot {
  return withApplied(
    snapshot,
    changes.map(({ after, object }) => (after === null ? { delete: object } : { apply: after })),
  );
}

const OWN = 'batch.shop.serviceaccount.identity.linkerd.cluster.local';

describe('the case of a Deployment', () => {
  it('keeps what the shared account opens, and is written against the file', async () => {
    const folder = caseFolders(join(import.meta.dirname, '../cases')).find(({ name }) => name === 'firing-a-deployment-of-its-own');
    if (folder === undefined) throw new Error('no such case');
    const { case: asked, files } = await caseOf(folder);
    const { clients } = explain({ ...asked, remedies: { files, forceGrant: false } });
    const { verdict, remedies = [] } = clients[0]?.targets[0]?.wayOut ?? {};
    const text = remedies
      .map(told)
      .join('\n')
      .replaceAll(join(import.meta.dirname, '..').slice(1), '…');
    await expect(`# ${verdict}\n${text}`).toMatchFileSnapshot('golden/own-service-account-deployment.txt');
  });
});

describe('every kind with a template', () => {
  it.each(Object.keys(WORKLOADS))('%s: account, grant and template, in this order; its pods then get in, and nobody else', (kind) => {
    const { wayOut, snapshot } = wayOutFor(kind);
    expect(wayOut.verdict).toBe('decide');
    const [first, ...others] = wayOut.remedies as [Remedy, ...Remedy[]];
    expect(first.changes.map(({ action, object }) => `${action} ${object.kind} ${object.name}`)).toEqual([
      'create ServiceAccount batch',
      'create AuthorizationPolicy web-batch',
      `edit ${kind} batch`,
    ]);
    expect(others.some(({ changes }) => changes.length === 0)).toBe(false);
    expect(first.proof).toMatchObject({ verdict: 'allow', clientToo: [], newlyIn: [], shutOut: [] });
    const after = appliedOf(snapshot, first);
    expect(findWorkload(after, 'Pod', 'shop', 'batch-x1')?.serviceAccount).toBe('batch');
    expect([reaches(after, 'web', OWN), reaches(after, 'web', DEFAULT)]).toEqual([true, false]);
    const yaml = showRemedy(first, 'yaml', null);
    expect(yaml).toContain('serviceAccountName: batch');
    expect(yaml.includes(`# First delete Job shop/batch`)).toBe(kind === 'Job');
    expect(first.steps.map(({ text }) => text).join('\n')).toMatch(
      kind === 'CronJob' ? /next run/ : kind === 'Job' ? /Delete the Job first/ : /rollout replaces/,
    );
  });

  it('a Job is made anew without what the API server gave to the old one', () => {
    const generated = `{apiVersion: batch/v1, kind: Job, metadata: {name: batch, namespace: shop, uid: u1, labels: {controller-uid: u1, team: a}}, spec: {selector: {matchLabels: {controller-uid: u1}}, template: {metadata: {labels: {app: batch, controller-uid: u1, batch.kubernetes.io/controller-uid: u1}, annotations: {linkerd.io/inject: enabled}}, spec: {restartPolicy: Never, containers: [{name: app, image: batch}]}}}}`;
    const { wayOut } = wayOutFor('Job', '', undefined, generated);
    const yaml = showRemedy(wayOut.remedies[0] as Remedy, 'yaml', null);
    expect(yaml).toContain('kind: Job');
    expect(yaml).not.toMatch(/controller-uid|selector/);
  });
});

describe('what the workload reaches today', () => {
  it.each([
    ['an AuthorizationPolicy that names the account', policy('stock', '{kind: ServiceAccount, name: default}')],
    [
      'a list of identities',
      `${policy('stock', '{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: them}')}
{apiVersion: policy.linkerd.io/v1alpha1, kind: MeshTLSAuthentication, metadata: {name: them, namespace: shop}, spec: {identities: [${DEFAULT}]}}
---`,
    ],
    [
      'a ServerAuthorization',
      `
{apiVersion: policy.linkerd.io/v1beta1, kind: ServerAuthorization, metadata: {name: them, namespace: shop}, spec: {server: {name: stock}, client: {networks: [{cidr: 10.0.0.9/32}], meshTLS: {serviceAccounts: [{name: default}]}}}}
---`,
    ],
    [
      'the account together with its address',
      `${policy('stock', '{kind: ServiceAccount, name: default}, {group: policy.linkerd.io, kind: NetworkAuthentication, name: here}')}
{apiVersion: policy.linkerd.io/v1alpha1, kind: NetworkAuthentication, metadata: {name: here, namespace: shop}, spec: {networks: [{cidr: 10.0.0.9/32}]}}
---`,
    ],
  ])('stays open to it by entries of its own: %s', (_, more) => {
    const { wayOut, snapshot } = wayOutFor('Deployment', more);
    const [first] = wayOut.remedies as [Remedy, ...Remedy[]];
    const after = appliedOf(snapshot, first);
    expect([reaches(snapshot, 'stock', DEFAULT), reaches(snapshot, 'stock', OWN)]).toEqual([true, false]);
    expect([reaches(after, 'stock', DEFAULT), reaches(after, 'stock', OWN)]).toEqual([true, true]);
    expect(first.proof).toMatchObject({ clientToo: [], newlyIn: [], shutOut: [] });
    expect(first.steps.some(({ text }) => text.startsWith('It keeps what ServiceAccount shop/default opens to it today'))).toBe(true);
  });

  it('of a whole namespace needs no entry', () => {
    const { wayOut, snapshot } = wayOutFor(
      'Deployment',
      `${policy('stock', '{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: them}')}
{apiVersion: policy.linkerd.io/v1alpha1, kind: MeshTLSAuthentication, metadata: {name: them, namespace: shop}, spec: {identityRefs: [{kind: Namespace, name: shop}]}}
---`,
    );
    const first = wayOut.remedies[0] as Remedy;
    expect(reaches(appliedOf(snapshot, first), 'stock', OWN)).toBe(true);
    expect(first.steps.some(({ text }) => text.startsWith('It keeps'))).toBe(false);
  });
});

describe('by hand, and why', () => {
  it.each([
    ['only its pods are known', 'Deployment', RUNNING('Deployment'), /hold the pods of Deployment shop\/batch and not their template/],
    [
      'its kind has no template',
      'Pod',
      RUNNING('Deployment').replace(/ {2}ownerReferences.*\n/, ''),
      /pods of Pod shop\/batch-x1 do not follow a template/,
    ],
  ])('%s', (_, __, pods, why) => {
    const { wayOut } = wayOutFor('none', pods);
    const [first] = wayOut.remedies as [Remedy];
    expect(first).toMatchObject({ id: 'own-service-account', changes: [], proof: null });
    expect(first.steps.map(({ text }) => text).join('\n')).toMatch(why);
  });

  it('by its template it would come without a proxy', () => {
    const { wayOut } = wayOutFor('Deployment', '', undefined, WORKLOADS['Deployment']?.replace('enabled', 'disabled'));
    const [first] = wayOut.remedies as [Remedy];
    expect(first.changes).toEqual([]);
    expect(first.steps.at(-1)?.text).toMatch(/would come without a proxy/);
  });

  it('the template names another account already', () => {
    const text = `${BASE}${RUNNING('Deployment')}\n${WORKLOADS['Deployment']?.replace('spec: {containers', 'spec: {serviceAccountName: batch, containers')}\n`;
    const { wayOut } = deniedAt(clusterOf(text), new Map([[FILE, text]]));
    const [first] = wayOut?.remedies ?? [];
    expect(first?.changes).toEqual([]);
    expect(first?.steps.at(-1)?.text).toMatch(/names ServiceAccount batch already/);
  });
});

describe('a workload that was read from a cluster, of which only a part is kept', () => {
  it('is changed by its patch, and nothing that could take the rest away is printed', () => {
    const { wayOut } = wayOutFor('Deployment', '', (resource) => keptOf(resource) ?? resource);
    const [first] = wayOut.remedies as [Remedy, ...Remedy[]];
    const change = first.changes.at(-1);
    expect(change).toMatchObject({ action: 'edit', manifest: null });
    expect(change?.patch).toEqual([
      { op: 'test', path: '/spec/template/spec/serviceAccountName', value: null },
      { op: 'add', path: '/spec/template/spec/serviceAccountName', value: 'batch' },
    ]);
    const yaml = showRemedy(first, 'yaml', null);
    expect(yaml).not.toContain('kind: Deployment');
    expect(yaml).toContain(`#   kubectl patch deployment/batch -n shop --type json -p '[{"op":"test"`);
    expect(() => showRemedy(first, 'json', null)).toThrow(/only a part is known/);
  });
});
