import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { indexNetworkPolicies } from '../../src/policy/network-policy.ts';
import { type NetworkClient, type NetworkLookups, networkVerdict, showConsideredRule } from '../../src/policy/network-verdict.ts';
import type { Resource } from '../../src/policy/resource.ts';

function fixture(name: string): Resource[] {
  return JSON.parse(readFileSync(new URL(`../fixtures/network-policy/${name}`, import.meta.url), 'utf8'));
}

function lookupsOf(resources: readonly Resource[]): NetworkLookups {
  const index = indexNetworkPolicies(resources);
  expect(index.unreadable).toEqual([]);
  const namespaces = new Map(resources.filter((r) => r.kind === 'Namespace').map((r) => [r.metadata.name, r.metadata.labels ?? {}]));
  return {
    anyEgress: index.anyEgress,
    networkPolicies: (ns) => index.byNamespace.get(ns) ?? [],
    namespaceLabels: (ns) => namespaces.get(ns) ?? null,
  };
}

function podOf(resources: readonly Resource[], app: string): Resource {
  const pod = resources.find((r) => r.kind === 'Pod' && r.metadata.labels?.['app'] === app);
  if (pod === undefined) throw new Error(`no pod of ${app}`);
  return pod;
}

const asClient = (pod: Resource, ip: string | null = null): NetworkClient => ({ type: 'pod', pod, ip });

describe('the recorded story: the tutorial’s policies', () => {
  const story = fixture('story.json');
  const lookups = lookupsOf(story);
  const verdict = (client: string, server: string, port: number) =>
    networkVerdict(lookups, { client: asClient(podOf(story, client)), server: podOf(story, server), port });

  test('the frontend may only go out to 4140, where nobody listens, so 4143 is denied', () => {
    const v = verdict('frontend', 'backend', 4143);
    expect([v.verdict, v.egress.verdict, v.ingress.verdict]).toEqual(['deny', 'deny', 'allow']);
    expect(v.egress.policies.map((p) => p.name)).toEqual(['allow-linkerd-control-plane', 'default-deny-all', 'frontend-policy']);
    const own = v.egress.considered.filter((c) => c.policy.name === 'frontend-policy');
    expect(own.map((c) => [c.rule, c.match, c.peer.match])).toEqual([[0, 'no', 'yes']]);
    expect(own.map((c) => showConsideredRule('egress', c))).toEqual(['egress only to 4140, and 4143 is what goes over the wire']);
    expect(v.ingress.considered.filter((c) => c.match === 'yes').map((c) => c.policy.name)).toEqual(['backend-policy']);
    expect(v.missing).toEqual([]);
    expect(v.holdsOnlyWhereEnforced).toBe(true);
  });

  test('the scanner of another namespace is free to go out and not let in', () => {
    const v = verdict('scanner', 'backend', 8080);
    expect([v.verdict, v.egress.verdict, v.ingress.verdict]).toEqual(['deny', 'allow', 'deny']);
    expect(v.egress).toMatchObject({ policies: [], considered: [] });
    expect(v.ingress.policies.map((p) => p.name)).toEqual(['backend-policy', 'default-deny-all']);
    expect(v.ingress.considered.map((c) => showConsideredRule('ingress', c))).toEqual([
      'ingress only on 4143, and 8080 is what goes over the wire; only from pods app=frontend in namespace production, and the client is pod security/scanner-54855957db-dncdx (app=scanner)',
    ]);
  });

  test('the backend reaches the database at no port at all', () => {
    for (const port of [4140, 4143, 5432]) expect(verdict('backend', 'database', port).verdict).toBe('deny');
    expect(verdict('backend', 'database', 4140).egress.verdict).toBe('allow');
    expect(verdict('backend', 'database', 4143).ingress.verdict).toBe('allow');
  });

  test('the kubelet of the pod’s own node is always let in', () => {
    const v = networkVerdict(lookups, { client: { type: 'address', ip: '192.168.77.10' }, server: podOf(story, 'backend'), port: 8080 });
    expect([v.verdict, v.ingress.exempt, v.egress.exempt]).toEqual(['allow', 'own-node', 'no-pod']);
  });

  test('a client that nobody knows leaves both sides open', () => {
    const v = networkVerdict(lookups, { client: { type: 'unknown', ip: '10.42.0.99' }, server: podOf(story, 'backend'), port: 4143 });
    expect([v.verdict, v.missing]).toEqual(['undecided', ['client']]);
    expect(v.ingress.considered.map((c) => showConsideredRule('ingress', c))).toEqual([
      'ingress only from pods app=frontend in namespace production, and the client is 10.42.0.99, which does not tell',
    ]);
    const wrongPort = networkVerdict(lookups, { client: { type: 'unknown', ip: null }, server: podOf(story, 'backend'), port: 8080 });
    expect(wrongPort.verdict).toBe('deny');
  });
});

describe('the recorded situation: only the application port is allowed, and enforced', () => {
  const before = fixture('drop.json');
  const after = [...before.filter((r) => r.kind !== 'NetworkPolicy'), ...fixture('drop-fix.json')];
  const verdict = (objects: readonly Resource[], client: string, port: number) =>
    networkVerdict(lookupsOf(objects), { client: asClient(podOf(objects, client)), server: podOf(objects, 'backend'), port });

  test('the meshed frontend timed out on 4143', () => {
    const v = verdict(before, 'frontend', 4143);
    expect([v.verdict, v.egress.verdict]).toEqual(['deny', 'allow']);
    expect(v.ingress.considered.map((c) => showConsideredRule('ingress', c))).toEqual([
      'ingress only on 8080, and 4143 is what goes over the wire',
    ]);
  });

  test('the scanner timed out on 8080', () => {
    const v = verdict(before, 'scanner', 8080);
    expect(v.verdict).toBe('deny');
    expect(v.ingress.considered.map((c) => [c.port.match, c.peer.match])).toEqual([['yes', 'no']]);
  });

  test('with 4143 allowed the frontend gets through, the scanner does not', () => {
    const v = verdict(after, 'frontend', 4143);
    expect(v.verdict).toBe('allow');
    expect(v.ingress.considered.map((c) => showConsideredRule('ingress', c))).toEqual(['ingress rule 0 allows it']);
    expect(verdict(after, 'scanner', 8080).verdict).toBe('deny');
  });
});

const server: Resource = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'orders-1', namespace: 'shop', labels: { app: 'orders' } },
  spec: {
    initContainers: [
      { name: 'linkerd-init', ports: [{ name: 'setup', containerPort: 7000 }] },
      { name: 'linkerd-proxy', restartPolicy: 'Always', ports: [{ name: 'linkerd-proxy', containerPort: 4143 }] },
    ],
    containers: [
      {
        name: 'app',
        ports: [
          { name: 'http', containerPort: 8080 },
          { name: 'dns', containerPort: 8053, protocol: 'UDP' },
        ],
      },
    ],
  },
  status: { podIP: '10.42.0.7', podIPs: [{ ip: '10.42.0.7' }, { ip: 'fd00::7' }], hostIP: '192.168.77.10' },
};

const client: Resource = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', namespace: 'front', labels: { app: 'web', tier: 'edge' } },
  spec: { containers: [{ name: 'web' }] },
  status: { podIP: '10.42.1.9', hostIP: '192.168.77.11' },
};

const namespace = (name: string, labels: Record<string, string>): Resource => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, namespace: '', labels },
});
const FRONT = namespace('front', { team: 'web' });

function networkPolicy(spec: Record<string, unknown>, ns = 'shop'): Resource {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'np', namespace: ns },
    spec: { podSelector: {}, ...spec },
  };
}

function ingressVerdict(
  rule: Record<string, unknown>,
  options: { client?: NetworkClient; port?: number; objects?: readonly Resource[]; server?: Resource } = {},
) {
  const objects = [networkPolicy({ ingress: [rule] }), ...(options.objects ?? [FRONT])];
  return networkVerdict(lookupsOf(objects), {
    client: options.client ?? asClient(client),
    server: options.server ?? server,
    port: options.port ?? 8080,
  });
}

describe('ports of a rule', () => {
  test.each<[string, unknown, number, string]>([
    ['no ports: every port', undefined, 8080, 'allow'],
    ['an empty list: every port', [], 8080, 'allow'],
    ['the number', [{ port: 8080 }], 8080, 'allow'],
    ['another number', [{ port: 8081 }], 8080, 'deny'],
    ['no protocol means TCP, and UDP is another port', [{ port: 8080, protocol: 'UDP' }], 8080, 'deny'],
    ['a protocol alone is all its ports', [{ protocol: 'TCP' }], 8080, 'allow'],
    ['UDP alone is no TCP port', [{ protocol: 'UDP' }], 8080, 'deny'],
    ['the first of a range', [{ port: 8080, endPort: 8090 }], 8080, 'allow'],
    ['the last of a range', [{ port: 8000, endPort: 8080 }], 8080, 'allow'],
    ['beyond a range', [{ port: 8000, endPort: 8079 }], 8080, 'deny'],
    ['one of several', [{ port: 1 }, { port: 8080 }], 8080, 'allow'],
    ['a name is looked up in the destination pod', [{ port: 'http' }], 8080, 'allow'],
    ['a name of the application is not the proxy’s port', [{ port: 'http' }], 4143, 'deny'],
    ['a native sidecar’s port has a name too', [{ port: 'linkerd-proxy' }], 4143, 'allow'],
    ['a plain init container has ended', [{ port: 'setup' }], 7000, 'deny'],
    ['a name of a UDP port is no TCP port', [{ port: 'dns' }], 8053, 'deny'],
    ['a name is case-sensitive', [{ port: 'HTTP' }], 8080, 'deny'],
  ])('%s', (_, ports, port, expected) => {
    expect(ingressVerdict(ports === undefined ? {} : { ports }, { port }).verdict).toBe(expected);
  });

  test('what is allowed is told with names resolved', () => {
    const ports = [{ port: 'http' }, { port: 'nope' }, { port: 53, protocol: 'UDP' }, { port: 9000, endPort: 9100 }, { protocol: 'SCTP' }];
    expect(ingressVerdict({ ports }, { port: 4143 }).ingress.considered[0]?.port.allowed).toEqual([
      'http (8080)',
      'nope (no such port)',
      '53/UDP',
      '9000-9100',
      'any SCTP port',
    ]);
  });
});

describe('peers of a rule', () => {
  test.each<[string, unknown, string]>([
    ['no peers: everyone', undefined, 'allow'],
    ['an empty list: everyone', [], 'allow'],
    ['a pod selector means pods of the policy’s own namespace', [{ podSelector: { matchLabels: { app: 'web' } } }], 'deny'],
    ['an empty pod selector is every pod of the own namespace', [{ podSelector: {} }], 'deny'],
    ['a namespace selector alone takes every pod in it', [{ namespaceSelector: { matchLabels: { team: 'web' } } }], 'allow'],
    ['an empty namespace selector takes every namespace', [{ namespaceSelector: {} }], 'allow'],
    [
      'both in one peer must hold',
      [{ namespaceSelector: { matchLabels: { team: 'web' } }, podSelector: { matchLabels: { app: 'api' } } }],
      'deny',
    ],
    [
      'both in one peer hold',
      [{ namespaceSelector: { matchLabels: { team: 'web' } }, podSelector: { matchLabels: { app: 'web' } } }],
      'allow',
    ],
    ['two peers are two chances', [{ podSelector: {} }, { namespaceSelector: { matchLabels: { team: 'web' } } }], 'allow'],
    [
      'every namespace has its name as a label, whatever the manifest says',
      [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'front' } } }],
      'allow',
    ],
    ['In', [{ namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['web', 'api'] }] } }], 'allow'],
    ['NotIn', [{ namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['web'] }] } }], 'deny'],
    ['Exists', [{ namespaceSelector: {}, podSelector: { matchExpressions: [{ key: 'tier', operator: 'Exists' }] } }], 'allow'],
    ['DoesNotExist', [{ namespaceSelector: {}, podSelector: { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] } }], 'deny'],
    ['a block that holds the pod’s address', [{ ipBlock: { cidr: '10.42.0.0/16' } }], 'allow'],
    ['a block with an exception around it', [{ ipBlock: { cidr: '10.42.0.0/16', except: ['10.42.1.0/24'] } }], 'deny'],
    ['a block elsewhere', [{ ipBlock: { cidr: '192.168.0.0/16' } }], 'deny'],
    ['IPv4 is not in an IPv6 block', [{ ipBlock: { cidr: '::/0' } }], 'deny'],
  ])('%s', (_, from, expected) => {
    expect(ingressVerdict(from === undefined ? {} : { from }).verdict).toBe(expected);
  });

  test('an address outside the cluster matches blocks and no pods', () => {
    const outside: NetworkClient = { type: 'address', ip: '203.0.113.10' };
    expect(ingressVerdict({ from: [{ namespaceSelector: {} }] }, { client: outside }).verdict).toBe('deny');
    expect(ingressVerdict({ from: [{ ipBlock: { cidr: '203.0.113.0/24' } }] }, { client: outside }).verdict).toBe('allow');
  });

  test.each<[string, unknown, string, readonly string[]]>([
    ['its name decides', { matchLabels: { 'kubernetes.io/metadata.name': 'front' } }, 'allow', []],
    ['its name rules it out, whatever else is asked', { matchLabels: { 'kubernetes.io/metadata.name': 'back', team: 'web' } }, 'deny', []],
    ['another label is not known', { matchLabels: { team: 'web' } }, 'undecided', ['namespace-labels']],
    ['nor is the absence of one', { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] }, 'undecided', ['namespace-labels']],
    ['an empty selector takes it anyway', {}, 'allow', []],
  ])('of a Namespace that is not among the objects, %s', (_, namespaceSelector, verdict, missing) => {
    expect(ingressVerdict({ from: [{ namespaceSelector }] }, { objects: [] })).toMatchObject({ verdict, missing });
  });

  test('a rule for another port asks for no evidence', () => {
    const [elsewhere, here] = [
      { ports: [{ port: 9 }], from: [{ namespaceSelector: { matchLabels: { team: 'web' } } }] },
      { from: [{ ipBlock: { cidr: '10.42.0.0/16' } }] },
    ];
    const noAddress: Resource = { ...client, status: {} };
    const objects = [networkPolicy({ ingress: [elsewhere, here] })];
    const v = networkVerdict(lookupsOf(objects), { client: asClient(noAddress), server, port: 8080 });
    expect([v.verdict, v.missing]).toEqual(['undecided', ['client-address']]);
  });

  test('a dual-stack pod of which one address matches is undecided, until the address is known', () => {
    const dual: Resource = { ...client, status: { podIPs: [{ ip: '10.42.1.9' }, { ip: 'fd00::9' }] } };
    const from = [{ ipBlock: { cidr: '10.42.0.0/16' } }];
    expect(ingressVerdict({ from }, { client: asClient(dual) })).toMatchObject({ verdict: 'undecided', missing: ['client-address'] });
    expect(ingressVerdict({ from }, { client: asClient(dual, '10.42.1.9') }).verdict).toBe('allow');
    expect(ingressVerdict({ from }, { client: asClient(dual, 'fd00::9') }).verdict).toBe('deny');
  });

  test('what a pod on the node’s network counts as is left to the CNI', () => {
    const host: Resource = {
      ...client,
      spec: { hostNetwork: true, containers: [] },
      status: { podIP: '192.168.77.11', hostIP: '192.168.77.11' },
    };
    expect(ingressVerdict({ from: [{ namespaceSelector: {} }] }, { client: asClient(host) })).toMatchObject({
      verdict: 'undecided',
      missing: ['host-network'],
    });
    expect(ingressVerdict({ from: [{ podSelector: {} }] }, { client: asClient(host) }).verdict).toBe('deny');
    expect(ingressVerdict({ from: [{ ipBlock: { cidr: '192.168.77.0/24' } }] }, { client: asClient(host) }).verdict).toBe('allow');
    const node: Resource = { ...server, spec: { hostNetwork: true, containers: [] } };
    expect(ingressVerdict({ from: [{ podSelector: {} }] }, { server: node })).toMatchObject({
      verdict: 'undecided',
      missing: ['host-network'],
    });
  });
});

describe('both sides', () => {
  const deny = (ns: string, direction: string) => networkPolicy({ policyTypes: [direction] }, ns);
  const flow = { client: asClient(client), server, port: 8080 };

  test.each<[string, readonly Resource[], string]>([
    ['no policy at all', [], 'allow'],
    ['ingress of the server’s namespace', [deny('shop', 'Ingress')], 'deny'],
    ['egress of the client’s namespace', [deny('front', 'Egress')], 'deny'],
    ['egress of the server’s namespace does not matter', [deny('shop', 'Egress')], 'allow'],
    ['ingress of the client’s namespace does not matter', [deny('front', 'Ingress')], 'allow'],
    ['a policy that selects other pods does not isolate', [networkPolicy({ podSelector: { matchLabels: { app: 'other' } } })], 'allow'],
    [
      'one policy that allows is enough beside one that allows nothing',
      [deny('shop', 'Ingress'), networkPolicy({ ingress: [{}] })],
      'allow',
    ],
    [
      'egress to the pod by its labels',
      [
        networkPolicy(
          { policyTypes: ['Egress'], egress: [{ to: [{ namespaceSelector: {}, podSelector: { matchLabels: { app: 'orders' } } }] }] },
          'front',
        ),
      ],
      'allow',
    ],
    [
      'egress to a block that holds one of its two addresses is undecided',
      [networkPolicy({ policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr: '10.42.0.0/16' } }] }] }, 'front')],
      'undecided',
    ],
  ])('%s', (_, policies, expected) => {
    expect(networkVerdict(lookupsOf(policies), flow).verdict).toBe(expected);
  });

  test('a pod always reaches itself', () => {
    const objects = [deny('shop', 'Ingress'), deny('shop', 'Egress')];
    expect(networkVerdict(lookupsOf(objects), { client: asClient(server), server, port: 8080 })).toMatchObject({
      verdict: 'allow',
      ingress: { exempt: 'itself' },
    });
  });

  test('an unknown client matters for egress only where some policy isolates for egress', () => {
    const unknown: NetworkClient = { type: 'unknown', ip: null };
    expect(networkVerdict(lookupsOf([]), { ...flow, client: unknown }).verdict).toBe('allow');
    expect(networkVerdict(lookupsOf([deny('elsewhere', 'Egress')]), { ...flow, client: unknown })).toMatchObject({
      verdict: 'undecided',
      missing: ['client'],
    });
  });
});

describe('properties', () => {
  const labels = fc.dictionary(fc.constantFrom('app', 'tier', '__proto__', 'constructor'), fc.constantFrom('a', 'b'));
  const port = fc.oneof(fc.record({ port: fc.constantFrom(4143, 8080) }), fc.record({ port: fc.constantFrom('http', 'linkerd-proxy') }));
  const peer = fc.oneof(
    fc.record({ podSelector: fc.record({ matchLabels: labels }) }),
    fc.record({ namespaceSelector: fc.record({ matchLabels: labels }) }),
    fc.record({ ipBlock: fc.record({ cidr: fc.constantFrom('10.42.0.0/16', '0.0.0.0/0', 'fd00::/8') }) }),
  );
  const rule = fc.record({ ports: fc.array(port, { maxLength: 2 }), peers: fc.array(peer, { maxLength: 2 }) });
  const spec = fc.record({ selector: labels, ingress: fc.array(rule, { maxLength: 2 }), egress: fc.array(rule, { maxLength: 2 }) });
  const policies = fc.array(spec, { maxLength: 4 }).map((specs) =>
    specs.map((s, i) => ({
      ...networkPolicy({
        podSelector: { matchLabels: s.selector },
        policyTypes: ['Ingress', 'Egress'],
        ingress: s.ingress.map((r) => ({ ports: r.ports, from: r.peers })),
        egress: s.egress.map((r) => ({ ports: r.ports, to: r.peers })),
      }),
      metadata: { name: `np-${i}`, namespace: i % 2 === 0 ? 'shop' : 'front' },
    })),
  );
  const at = fc.constantFrom(4143, 8080);
  const flowAt = (port: number) => ({ client: asClient(client), server, port });
  const rank = { deny: 0, undecided: 1, allow: 2 };

  test('the order of policies does not matter', () => {
    fc.assert(
      fc.property(policies, at, (all, port) => {
        const forward = networkVerdict(lookupsOf([FRONT, ...all]), flowAt(port));
        expect(networkVerdict(lookupsOf([...all.toReversed(), FRONT]), flowAt(port))).toEqual(forward);
      }),
    );
  });

  test('one more rule in a policy never shuts anyone out', () => {
    fc.assert(
      fc.property(policies, rule, at, (all, extra, port) => {
        const wider = all.map((p) => {
          const old = p.spec as Record<string, unknown[]>;
          return { ...p, spec: { ...old, ingress: [...(old['ingress'] ?? []), { ports: extra.ports, from: extra.peers }] } };
        });
        const [narrow, wide] = [all, wider].map((objects) => rank[networkVerdict(lookupsOf([FRONT, ...objects]), flowAt(port)).verdict]);
        expect(wide).toBeGreaterThanOrEqual(narrow as number);
      }),
    );
  });

  test('evidence is missing exactly when the verdict is undecided', () => {
    fc.assert(
      fc.property(policies, at, fc.boolean(), (all, port, knowsNamespace) => {
        const v = networkVerdict(lookupsOf(knowsNamespace ? [FRONT, ...all] : all), flowAt(port));
        expect(v.missing.length > 0).toBe(v.verdict === 'undecided');
      }),
    );
  });
});
