import { describe, expect, it } from 'vitest';
import { type Resource, refOf } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import {
  buildSnapshot,
  findResource,
  findWorkload,
  namespaceLabels,
  resourcesOf,
  restarted,
  type Snapshot,
  withChanges,
  workloadsByIp,
  workloadsByServiceAccount,
} from '../../src/policy/snapshot.ts';
import {
  ask,
  MESHTLS,
  meshTLS,
  NETWORK,
  network,
  pod,
  policy,
  policyIn,
  route,
  SERVER,
  server,
  snapshot,
  targetServer,
} from './cluster.ts';

const ON_SERVER = targetServer('backend-http');
const apply = (from: Snapshot, ...objects: readonly Resource[]) =>
  withChanges(
    from,
    objects.map((object) => ({ apply: object })),
  );
const verdict = (of: Snapshot) => ask(policyIn(of)).verdict;

describe('an edit that the controller cannot read (facts §4.6)', () => {
  const allowed = policy('p', ON_SERVER, []);
  const start = snapshot([pod(), SERVER, allowed]);

  it.each([
    ['an unsupported target', policy('p', { kind: 'Deployment', name: 'x' }, [])],
    ['an unsupported authentication', policy('p', ON_SERVER, [{ kind: 'Pod', name: 'x' }])],
  ])('%s: the version before stays in force until the controller starts anew', (_what, edit) => {
    const edited = apply(start, edit);
    expect([verdict(start), verdict(edited), verdict(restarted(edited))]).toEqual(['allow', 'allow', 'deny']);
    const entry = edited.namespaces.get('shop')?.authorizationPolicies.get('policy.linkerd.io/AuthorizationPolicy/p');
    expect(entry).toMatchObject({ resource: edit, inForce: allowed, error: expect.stringContaining('unsupported') });
  });

  it('deleted, it is gone at once', () => {
    const edited = apply(start, policy('p', { kind: 'Deployment', name: 'x' }, []));
    expect(verdict(withChanges(edited, [{ delete: refOf(allowed) }]))).toBe('deny');
  });

  it('references that are readable but useless take effect at once', () => {
    expect(verdict(apply(start, policy('p', ON_SERVER, [MESHTLS('missing')])))).toBe('deny');
  });

  it.each([
    ['networks emptied', network('n', [{ cidr: '0.0.0.0/0' }]), network('n', []), NETWORK('n')],
    ['identities emptied', meshTLS('m', { identities: ['*'] }), meshTLS('m', {}), MESHTLS('m')],
  ])('%s', (_what, good, bad, ref) => {
    const before = snapshot([pod(), SERVER, good, policy('p', ON_SERVER, [ref])]);
    expect([verdict(before), verdict(apply(before, bad)), verdict(restarted(apply(before, bad)))]).toEqual(['allow', 'allow', 'deny']);
  });

  it('a route that no longer names the Server lets go of it', () => {
    const before = snapshot([pod(), SERVER, route('r')]);
    const moved = apply(before, route('r', { parentRefs: [{ kind: 'Service', name: 'x' }] }));
    expect(policyIn(before).routes?.map((r) => r.ref.name)).toEqual(['r']);
    expect(policyIn(moved).routes?.map((r) => r.ref.name)).toEqual(['default', 'probe']);
  });

  it('a route with a parent by port keeps its older version', () => {
    const bad = route('r', { parentRefs: [{ ...ON_SERVER, port: 1 } as never] });
    const moved = apply(snapshot([pod(), SERVER, route('r')]), bad);
    expect(policyIn(moved).routes?.map((r) => r.ref.name)).toEqual(['r']);
  });
});

describe('an update of a pod (facts §4.6, linkerd2 `inbound/index.rs`)', () => {
  const start = snapshot([pod(), server('s', { podSelector: { matchLabels: { app: 'backend' } } })]);

  it('takes new labels and annotations at once', () => {
    expect(policyIn(apply(start, pod({ labels: { app: 'x' } }))).server).toBeNull();
    const annotated = pod({ labels: { app: 'x' }, annotations: { 'config.linkerd.io/default-inbound-policy': 'deny' } });
    expect(policyIn(apply(start, annotated)).ref.name).toBe('deny');
  });

  it('is dropped whole when names of ports change', () => {
    const renamed = pod({ labels: { app: 'x' } }, { containers: [{ name: 'app', ports: [{ containerPort: 8080, name: 'web' }] }] });
    expect(policyIn(apply(start, renamed)).server?.name).toBe('s');
    expect(policyIn(restarted(apply(start, renamed))).server).toBeNull();
  });

  it('does not change probes, until the controller starts anew', () => {
    const c = { name: 'app', ports: [{ containerPort: 8080, name: 'http' }], livenessProbe: { httpGet: { path: '/new', port: 8080 } } };
    const probed = apply(start, pod({ annotations: { x: 'y' } }, { containers: [c] }));
    const paths = (of: Snapshot) => findWorkload(of, 'Pod', 'shop', 'backend')?.probes.get(8080);
    expect([paths(probed), paths(restarted(probed))]).toEqual([['/health'], ['/new']]);
  });

  it('that unmeshes and meshes it makes a new pod of it', () => {
    const renamed = pod({}, { containers: [{ name: 'app', ports: [{ containerPort: 8080, name: 'web' }] }] });
    const unmeshed = { ...renamed, metadata: { ...renamed.metadata, labels: { app: 'backend' } } };
    const back = apply(apply(start, unmeshed), renamed);
    expect([...(findWorkload(back, 'Pod', 'shop', 'backend')?.portNames.keys() ?? [])]).toEqual(['web']);
  });
});

describe('look-ups', () => {
  const withIp = (name: string, podIP: string, more: object = {}): Resource => ({
    ...pod({ name }, { serviceAccountName: name }),
    status: { podIP, ...more },
  });
  const all = [
    withIp('a', '10.42.0.1', { podIPs: [{ ip: '10.42.0.1' }, { ip: 'fd00::1' }] }),
    withIp('b', '192.0.2.1'),
    withIp('c', '192.0.2.1'),
    SERVER,
  ];
  const built = snapshot(all);

  it('by address, of which a node’s is shared', () => {
    expect(workloadsByIp(built, 'fd00::1').map((w) => w.ref.name)).toEqual(['a']);
    expect(workloadsByIp(built, '192.0.2.1').map((w) => w.ref.name)).toEqual(['b', 'c']);
    expect(workloadsByIp(built, '10.9.9.9')).toEqual([]);
  });

  it('by address the same, however many are asked', () => {
    const shared = ['shop', 'other', 'third'].map((namespace, i) => {
      const one = withIp(`n${i}`, '192.0.2.1');
      return { ...one, metadata: { ...one.metadata, namespace } };
    });
    const whole = snapshot([...all, ...shared]);
    const namesAt = (ip: string) => workloadsByIp(whole, ip).map((w) => w.ref.name);
    const answers = new Set(
      Array.from({ length: 500 }, () => [...namesAt('192.0.2.1'), '|', ...namesAt('fd00::1'), '|', ...namesAt('10.9.9.9')].join(' ')),
    );
    expect([...answers]).toEqual(['b c n0 n1 n2 | a |']);
  });

  it('by an address that any number of pods share', () => {
    const one = withIp('p', '192.0.2.9');
    const many = Array.from({ length: 150_000 }, (_, i) => ({ ...one, metadata: { ...one.metadata, name: `p${i}` } }));
    expect(workloadsByIp(buildSnapshot(many, LINKERD_DEFAULTS), '192.0.2.9')).toHaveLength(150_000);
  });

  it('by ServiceAccount, by reference, by anything', () => {
    expect(workloadsByServiceAccount(built, 'shop', 'b').map((w) => w.ref.name)).toEqual(['b']);
    expect(findResource(built, refOf(SERVER))).toBe(SERVER);
    expect(findResource(built, { ...refOf(SERVER), namespace: 'x' })).toBeNull();
    expect(new Set(resourcesOf(built))).toEqual(new Set(all));
  });

  it('names that every object has are names like others', () => {
    const odd = ['__proto__', 'constructor', 'toString'].map((name) => server(name, {}, { namespace: name }));
    const of = buildSnapshot(odd, LINKERD_DEFAULTS);
    for (const object of odd) expect(findResource(of, refOf(object))).toBe(object);
    expect(findWorkload(of, 'Pod', '__proto__', 'x')).toBeNull();
  });

  it('of two objects with one name the later counts', () => {
    expect(policyIn(snapshot([pod(), server('backend-http', { port: 1 }), SERVER])).server?.name).toBe('backend-http');
    expect(policyIn(snapshot([pod(), SERVER, server('backend-http', { port: 1 })])).server).toBeNull();
  });

  it('a Namespace has the label of its name', () => {
    const namespace: Resource = { apiVersion: 'v1', kind: 'Namespace', metadata: { namespace: '', name: 'shop', labels: { a: 'b' } } };
    expect(namespaceLabels(snapshot([namespace]), 'shop')).toEqual({ 'kubernetes.io/metadata.name': 'shop', a: 'b' });
    expect(namespaceLabels(snapshot([]), 'shop')).toBeNull();
  });
});
