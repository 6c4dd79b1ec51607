import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ObjectEdit, WhatChanged } from '../../src/evidence/changed.ts';
import type { Denial } from '../../src/evidence/facts.ts';
import { createTally } from '../../src/evidence/tally.ts';
import { isLetIn } from '../../src/evidence/would-have.ts';
import { explain } from '../../src/explain.ts';
import { NEAR } from '../../src/policy/flip.ts';
import { createHistory } from '../../src/policy/history.ts';
import type { Change, Resource } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { anyObject } from '../policy/arbitrary.ts';
import {
  ask,
  FRONTEND,
  MESHTLS,
  meshed,
  meshTLS,
  pod as podOf,
  policy,
  policyIn,
  SERVER,
  server,
  targetServer,
  UNMESHED,
} from '../policy/cluster.ts';

const OTHER = 'other.shop.serviceaccount.identity.linkerd.cluster.local';
const INJECTED = { 'linkerd.io/control-plane-ns': 'linkerd' };
const owner = (name: string) => [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name, controller: true }];

const backend = podOf();
/** The client's pod, of ReplicaSet `frontend`. */
function frontend(
  name: string,
  { account = 'frontend', ip = '10.42.0.13', labels = INJECTED as Readonly<Record<string, string>> } = {},
): Resource {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'shop', name, labels, ownerReferences: owner('frontend') },
    spec: { serviceAccountName: account, containers: [] },
    status: { podIP: ip },
  };
}

const AUTH = meshTLS('clients', { identities: [FRONTEND] });
const POLICY = policy('p', targetServer('backend-http'), [MESHTLS('clients')]);
const ALLOWED = [backend, SERVER, AUTH, POLICY];
const BROKEN = meshTLS('clients', { identities: [OTHER] });

const start = (...resources: readonly Resource[]): Change[] => resources.map((resource) => ({ at: null, type: 'applied', resource }));
const apply = (at: number, resource: Resource): Change => ({ at, type: 'applied', resource });
const remove = (at: number, resource: Resource): Change => ({ at, type: 'deleted', resource });

interface Refusal {
  readonly at: number;
  readonly tls?: Denial['client']['tls'];
  readonly server?: string;
  readonly pod?: string;
}

function changedIn(
  changes: readonly Change[],
  { at, tls = meshed(), server: name = 'backend-http', pod = 'backend' }: Refusal,
): WhatChanged | null {
  const tally = createTally();
  const isDefault = /^(?:deny|cluster-)/.test(name);
  tally.add({
    type: 'denial',
    kind: 'http-denied',
    at,
    reporter: { cluster: '', namespace: 'shop', pod, workload: null },
    server: isDefault ? { group: '', kind: 'default', name } : { group: 'policy.linkerd.io', kind: 'server', name },
    route: { group: '', kind: 'default', name: 'default' },
    port: 8080,
    admin: false,
    client: { ip: '10.42.0.13', port: null, tls },
    request: null,
    count: 1,
    sinceBefore: false,
    error: null,
    didNotApply: [],
    source: { kind: 'log', name: 'test', line: 1, raw: '' },
  } as Denial);
  const question = { namespace: null, workload: null, port: null, at: null };
  const { clients } = explain({ tally, cluster: createHistory(changes, LINKERD_DEFAULTS), question });
  return clients[0]?.targets[0]?.changed ?? null;
}

const said = ({ object, change, of }: ObjectEdit) => `${of}: ${object.kind} ${object.name} ${change}`;
const turned = (changed: WhatChanged | null) => (changed?.turned == null ? null : [changed.turned.at, ...changed.turned.edits.map(said)]);

describe('the change that turned allow into deny is', () => {
  const other = podOf({ namespace: 'elsewhere', name: 'noise' });
  const labels = { app: 'backend' };
  const moved = podOf({ labels: { app: 'moved' }, annotations: { 'config.linkerd.io/default-inbound-policy': 'deny' } });
  const rolled = (name: string, annotations: Record<string, string>) => podOf({ name, ownerReferences: owner('backend'), annotations });
  const asFrontend = [meshTLS('clients', { identities: [OTHER] }), POLICY, backend, SERVER];

  const config = (defaultInboundPolicy: string, clusterNetworks = '10.0.0.0/8'): Resource => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'linkerd', name: 'linkerd-config' },
    data: { values: `clusterNetworks: "${clusterNetworks}"\nproxy:\n  defaultInboundPolicy: ${defaultInboundPolicy}\n` },
  });
  const controller = (defaultPolicy: string): Resource => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'linkerd', name: 'linkerd-destination' },
    spec: { template: { spec: { containers: [{ name: 'policy', args: [`--default-policy=${defaultPolicy}`] }] } } },
  });

  it.each<[string, readonly Change[], Refusal, readonly unknown[]]>([
    [
      'the default policy in linkerd-config',
      [...start(backend, config('all-authenticated')), apply(5, other), apply(10, config('deny')), apply(15, other)],
      { at: 20, server: 'deny' },
      [10, 'policy: ConfigMap linkerd-config edited'],
    ],
    [
      'the default policy among the arguments of the policy controller, which count before linkerd-config',
      [
        ...start(backend, config('deny'), controller('all-authenticated')),
        apply(10, controller('deny')),
        apply(15, config('deny', '::/0')),
      ],
      { at: 20, server: 'deny' },
      [10, 'policy: Deployment linkerd-destination edited'],
    ],
    [
      'the networks of the cluster, which the client is in no longer',
      [...start(backend, config('cluster-authenticated')), apply(10, config('cluster-authenticated', '10.43.0.0/16'))],
      { at: 20, server: 'cluster-authenticated' },
      [10, 'policy: ConfigMap linkerd-config edited'],
    ],
    [
      'an edit of an authentication',
      [...start(...ALLOWED), apply(10, BROKEN)],
      { at: 20 },
      [10, 'policy: MeshTLSAuthentication clients edited'],
    ],
    [
      'the deletion of an authentication',
      [...start(...ALLOWED), remove(10, AUTH)],
      { at: 20 },
      [10, 'policy: MeshTLSAuthentication clients deleted'],
    ],
    ['the deletion of a policy', [...start(...ALLOWED), remove(10, POLICY)], { at: 20 }, [10, 'policy: AuthorizationPolicy p deleted']],
    [
      'a Server that was made where all were let in',
      [...start(backend), apply(10, SERVER)],
      { at: 20 },
      [10, 'policy: Server backend-http created'],
    ],
    [
      'an edit of an authentication in another namespace',
      [
        ...start(
          backend,
          SERVER,
          meshTLS('far', { identities: [FRONTEND] }, { namespace: 'auth' }),
          policy('p', targetServer('backend-http'), [MESHTLS('far', 'auth')]),
        ),
        apply(10, meshTLS('far', { identities: [OTHER] }, { namespace: 'auth' })),
      ],
      { at: 20 },
      [10, 'policy: MeshTLSAuthentication far edited'],
    ],
    [
      'not what came after the denial',
      [...start(...ALLOWED), apply(10, BROKEN), apply(30, AUTH), apply(40, BROKEN)],
      { at: 20 },
      [10, 'policy: MeshTLSAuthentication clients edited'],
    ],
    [
      'the last of several',
      [...start(...ALLOWED), apply(10, BROKEN), apply(12, AUTH), apply(14, BROKEN)],
      { at: 20 },
      [14, 'policy: MeshTLSAuthentication clients edited'],
    ],
    [
      'the one of its moment that alone makes the difference',
      [...start(...ALLOWED), apply(10, server('unrelated', { port: 1 })), apply(10, BROKEN), apply(10, other)],
      { at: 20 },
      [10, 'policy: MeshTLSAuthentication clients edited'],
    ],
    [
      'two of one moment where neither alone does it',
      [
        ...start(...ALLOWED, policy('q', targetServer('backend-http'), [])),
        remove(10, POLICY),
        remove(10, policy('q', targetServer('backend-http'), [])),
      ],
      { at: 20 },
      [10, 'policy: AuthorizationPolicy p deleted', 'policy: AuthorizationPolicy q deleted'],
    ],
    [
      'a label of the server’s pod',
      [...start(...ALLOWED, backend), apply(10, moved)],
      { at: 20, server: 'deny' },
      [10, 'server: Pod backend edited'],
    ],
    [
      'a restart with another annotation',
      [
        ...start(rolled('backend-1', {})),
        apply(10, rolled('backend-2', { 'config.linkerd.io/default-inbound-policy': 'deny' })),
        remove(11, rolled('backend-1', {})),
      ],
      { at: 20, server: 'deny', pod: 'backend-2' },
      [10, 'server: Pod backend-2 replaced'],
    ],
    [
      'the client’s restart with another ServiceAccount',
      [
        ...start(...asFrontend, frontend('frontend-1', { account: 'other' })),
        apply(10, frontend('frontend-2')),
        remove(11, frontend('frontend-1', { account: 'other' })),
      ],
      { at: 20 },
      [10, 'client: Pod frontend-2 replaced'],
    ],
    [
      'the client’s restart without a proxy',
      [
        ...start(...ALLOWED, frontend('frontend-1', { ip: '10.42.0.9' })),
        apply(10, frontend('frontend-2', { labels })),
        remove(11, frontend('frontend-1')),
      ],
      { at: 20, tls: UNMESHED },
      [10, 'client: Pod frontend-2 replaced'],
    ],
  ])('%s', (_, changes, refusal, expected) => {
    expect(turned(changedIn(changes, refusal))).toEqual(expected);
  });

  it('told with its fields, its generation, who wrote it, and what mended it', () => {
    const version = (identity: string, generation: number, manager: string, time: string) =>
      meshTLS('clients', { identities: [identity] }, { generation, managedFields: [{ manager, operation: 'Update', time }] });
    const first = version(FRONTEND, 1, 'helm', '2026-11-23T09:00:00Z');
    const edit = version(OTHER, 2, 'kubectl-edit', '2026-11-23T09:10:00Z');
    const mend = version(FRONTEND, 3, 'argocd', '2026-11-23T09:20:00Z');
    const changed = changedIn([...start(backend, SERVER, POLICY, first), apply(10, edit), apply(30, mend)], { at: 20 });
    expect(changed?.turned?.edits).toEqual([
      {
        object: { group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', namespace: 'shop', name: 'clients' },
        change: 'edited',
        of: 'policy',
        replaces: null,
        fields: [{ path: 'spec.identities[0]', before: FRONTEND, after: OTHER }],
        moreFields: 0,
        generation: { before: 1, after: 2 },
        manager: { name: 'kubectl-edit', at: Date.parse('2026-11-23T09:10:00Z') },
        author: null,
      },
    ]);
    expect([changed?.repaired?.at, changed?.repaired?.edits[0]?.manager?.name]).toEqual([30, 'argocd']);
  });
});

describe('where no recorded change did it', () => {
  it('it is said since when it is denied, and how much was looked at', () => {
    const noise = Array.from({ length: 3 }, (_, i) =>
      apply(10 + i, server('unrelated', { port: 1, accessPolicy: i % 2 ? 'deny' : 'audit' })),
    );
    const changed = changedIn([...start(backend, SERVER, POLICY, BROKEN), ...noise], { at: 20 });
    expect([changed?.turned, changed?.throughout]).toEqual([null, { since: 10, looks: 3, states: 3, newcomer: null }]);
  });

  it('a client that came later is said to be new', () => {
    const changed = changedIn([...start(backend, SERVER, POLICY, BROKEN), apply(10, frontend('frontend-1'))], { at: 20 });
    expect([changed?.turned, changed?.throughout?.newcomer]).toEqual([null, 'client']);
  });

  it('an edit from before the record, told by managed fields, may have done it; one within it did not', () => {
    const edited = (time: string) =>
      meshTLS(
        'clients',
        { identities: [OTHER] },
        { creationTimestamp: '1970-01-01T00:00:01Z', managedFields: [{ manager: 'kubectl-edit', operation: 'Update', time }] },
      );
    const noise = apply(Date.parse('1970-01-01T00:01:00Z'), server('unrelated', { port: 1 }));
    const of = (time: string) =>
      changedIn([...start(backend, SERVER, POLICY, edited(time)), noise], { at: 120_000 })?.candidates.map(
        ({ object, change, certainty }) => [object.name, change, certainty],
      );
    expect(of('1970-01-01T00:00:30Z')).toEqual([['clients', 'edited', 'likely']]);
    expect(of('1970-01-01T00:01:30Z')).toEqual([]);
  });
});

describe('from a dump', () => {
  const at = Date.parse('2026-11-23T09:30:00Z');
  const made = { uid: 'u', creationTimestamp: '2026-11-23T09:00:00Z' };

  it('a Server that nobody is authorized on is likely to have done it when it was made', () => {
    const changed = changedIn(start(backend, { ...SERVER, metadata: { ...SERVER.metadata, ...made } }), { at });
    expect(changed).toMatchObject({ source: 'dump', turned: null, throughout: null, withoutManagers: true });
    expect(changed?.candidates).toMatchObject([{ object: { name: 'backend-http' }, change: 'created', certainty: 'likely' }]);
  });

  it('what was edited, when and by whom stands in managed fields; what came after the denial is left out', () => {
    const managedFields = [
      { manager: 'helm', operation: 'Update', time: '2026-11-23T09:00:00Z' },
      { manager: 'kubectl-edit', operation: 'Update', time: '2026-11-23T09:23:07Z' },
      { manager: 'status-writer', operation: 'Update', time: '2026-11-23T09:25:00Z', subresource: 'status' },
    ];
    const late = [{ manager: 'kubectl-edit', operation: 'Update', time: '2026-11-23T09:31:00Z' }];
    const changed = changedIn(
      start(
        backend,
        SERVER,
        policy('p', targetServer('backend-http'), [MESHTLS('clients')], { ...made, managedFields: late }),
        meshTLS('clients', { identities: [OTHER] }, { ...made, managedFields }),
      ),
      { at },
    );
    expect(changed?.candidates).toEqual([
      {
        object: { group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', namespace: 'shop', name: 'clients' },
        change: 'edited',
        at: Date.parse('2026-11-23T09:23:07Z'),
        manager: 'kubectl-edit',
        author: null,
        certainty: 'likely',
      },
    ]);
    expect(changed?.withoutManagers).toBe(false);
  });

  it.each<[string, object, boolean]>([
    ['manifests from disk never had any', {}, false],
    ['an object in its first generation was not edited', { uid: 'u', generation: 1 }, false],
    ['an object in a later one was, by someone unknown', { uid: 'u', generation: 2 }, true],
  ])('%s', (_, meta, expected) => {
    expect(changedIn(start(backend, { ...SERVER, metadata: { ...SERVER.metadata, ...meta } }), { at })?.withoutManagers).toBe(expected);
  });
});

it('equals a scan over every step of any history, where the last change lies among the last states', () => {
  let found = 0;
  fc.assert(
    fc.property(
      fc.array(anyObject, { minLength: 4, maxLength: NEAR }),
      fc.array(fc.nat({ max: 3 }), { minLength: NEAR, maxLength: NEAR }),
      (objects, kinds) => {
        const changes = [
          ...start(backend, SERVER),
          ...objects.map((resource, i) => (kinds[i] === 0 ? remove(i + 1, resource) : apply(i + 1, resource))),
        ];
        const history = createHistory(changes, LINKERD_DEFAULTS);
        // The request as explaining puts it, to the policy of every moment.
        const traffic = { type: 'http-on-route', route: { group: '', kind: 'default', name: 'default' } } as const;
        const verdictAt = (at: number) => {
          const evaluation = ask(policyIn(history.at(at)), { traffic });
          return evaluation.missing.includes('policy')
            ? ask(policyIn(history.at(at)), { traffic: { type: 'http-unknown' } }).verdict
            : evaluation.verdict;
        };
        const last = objects.length;
        const own = ask(policyIn(history.at(last)), { traffic });
        fc.pre(own.verdict === 'deny' && own.policy.server?.name === 'backend-http');
        let scanned: number | null = null;
        for (let at = last; at >= 1 && scanned === null; at--) if (isLetIn(verdictAt(at - 1)) && !isLetIn(verdictAt(at))) scanned = at;
        if (scanned !== null) found++;
        expect(changedIn(changes, { at: last })?.turned?.at ?? null).toBe(scanned);
      },
    ),
    { numRuns: 400 },
  );
  // Of random histories few hold such a change; that some do shows that the comparison is one.
  expect(found).toBeGreaterThan(0);
});

it('a change of linkerd-config names the setting, not the text that holds them all', () => {
  const config = (policy: string): Resource => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'linkerd', name: 'linkerd-config' },
    data: { values: `${'# a comment\n'.repeat(50)}proxy:\n  defaultInboundPolicy: ${policy}\n` },
  });
  const changed = changedIn([...start(backend, config('all-authenticated')), apply(10, config('deny'))], { at: 20, server: 'deny' });
  expect(changed?.turned?.edits[0]?.fields).toEqual([
    { path: 'data.values.proxy.defaultInboundPolicy', before: 'all-authenticated', after: 'deny' },
  ]);
});
