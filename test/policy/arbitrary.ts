/** Generators: addresses, identities, small random clusters, and changes of them. */
import fc from 'fast-check';
import type { ClientTls, Traffic } from '../../src/policy/evaluation.ts';
import type { ServiceAccountIdentity } from '../../src/policy/identity.ts';
import type { Address } from '../../src/policy/network.ts';
import type { Resource } from '../../src/policy/resource.ts';
import {
  ACCOUNT,
  type Asked,
  get,
  MESHTLS,
  meshed,
  meshTLS,
  NETWORK,
  network,
  pod,
  policy,
  rateLimit,
  route,
  saz,
  server,
  targetServer,
  UNMESHED,
} from './cluster.ts';

const word = fc.nat({ max: 0xffffffff });
const zeroish = fc.oneof(fc.constant(0), word);

export const address: fc.Arbitrary<Address> = fc.oneof(
  word.map((w) => ({ family: 4 as const, words: [w] })),
  fc.tuple(zeroish, zeroish, zeroish, zeroish).map((words) => ({ family: 6 as const, words })),
);

export const networkText: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.ipV4(), fc.nat({ max: 32 })).map(([ip, length]) => `${ip}/${length}`),
  fc.tuple(fc.ipV6(), fc.nat({ max: 128 })).map(([ip, length]) => `${ip}/${length}`),
  fc.ipV4(),
  fc.ipV6(),
);

const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,6}[a-z0-9]$/);

/** ServiceAccount names and trust domains may hold dots. */
export const identity: fc.Arbitrary<ServiceAccountIdentity> = fc.record({
  serviceAccount: fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.')),
  namespace: label,
  controlPlaneNamespace: label,
  trustDomain: fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.')),
});

const SUFFIX = '.serviceaccount.identity.linkerd.cluster.local';
const ACCOUNTS = ['frontend', 'admin', 'default'];
const SERVERS = ['s-a', 's-b', 's-c'];
const ROUTES = ['r-a', 'r-b'];
const PATHS = ['/', '/api', '/api/v1', '/health'];
const CIDRS = ['10.42.0.0/16', '10.42.0.13', '0.0.0.0/0', '203.0.113.0/24', '::/0'];
const STAMPS = [undefined, '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'];

const meta = fc.constantFrom(...STAMPS).map((stamp) => (stamp === undefined ? {} : { creationTimestamp: stamp }));
const networks = fc.subarray(CIDRS, { minLength: 1 }).map((cidrs) => cidrs.map((cidr) => ({ cidr })));
const identities = fc.subarray(['*', `*.shop${SUFFIX}`, `frontend.shop${SUFFIX}`, 'spiffe://mesh.example/vm'], { minLength: 1 });
const reference = fc.constantFrom(
  MESHTLS('m-a'),
  MESHTLS('m-b'),
  MESHTLS('missing'),
  NETWORK('n-a'),
  NETWORK('n-b'),
  ACCOUNT('frontend'),
  ACCOUNT('admin', 'shop'),
);
const policyTarget = fc.oneof(
  fc.constantFrom(...SERVERS).map(targetServer),
  fc.constantFrom(...ROUTES).map((name) => ({ group: 'policy.linkerd.io', kind: 'HTTPRoute', name })),
  fc.constant({ kind: 'Namespace', name: 'shop' }),
);
const match = fc.record(
  {
    path: fc.record({ type: fc.constantFrom('Exact', 'PathPrefix'), value: fc.constantFrom(...PATHS) }),
    method: fc.constantFrom('GET', 'POST'),
    headers: fc.constant([{ name: 'X-Env', value: 'prod' }]),
  },
  { requiredKeys: [] },
);

const anyServer: fc.Arbitrary<Resource> = fc
  .record({
    name: fc.constantFrom(...SERVERS),
    meta,
    spec: fc.record(
      {
        port: fc.constantFrom<unknown>(8080, 'http', 9090, 'nope'),
        proxyProtocol: fc.constantFrom('unknown', 'HTTP/1', 'HTTP/2', 'opaque', 'TLS', 'gRPC'),
        podSelector: fc.constantFrom<unknown>({}, { matchLabels: { app: 'backend' } }, { matchLabels: { app: 'other' } }),
        accessPolicy: fc.constantFrom('deny', 'audit', 'all-authenticated', 'cluster-unauthenticated'),
      },
      { requiredKeys: ['port', 'podSelector'] },
    ),
  })
  .map((s) => server(s.name, s.spec, { ...s.meta, labels: { team: s.name } }));

export const anyPolicy: fc.Arbitrary<Resource> = fc
  .tuple(fc.constantFrom('p-a', 'p-b', 'p-c'), policyTarget, fc.array(reference, { maxLength: 2 }))
  .map(([name, target, refs]) => policy(name, target, refs));

const anyRoute = fc
  .record({
    name: fc.constantFrom(...ROUTES),
    meta,
    parents: fc.subarray(SERVERS, { minLength: 1 }),
    matches: fc.array(match, { maxLength: 3 }),
    hostnames: fc.subarray(['backend.shop.svc.cluster.local', '*.cluster.local']),
  })
  .map((r) => route(r.name, { parentRefs: r.parents.map(targetServer), hostnames: r.hostnames, rules: [{ matches: r.matches }] }, r.meta));

const anySaz = fc
  .record({
    name: fc.constantFrom('z-a', 'z-b'),
    server: fc.oneof(
      fc.constantFrom(...SERVERS).map((name): object => ({ name })),
      fc.constantFrom(...SERVERS).map((team): object => ({ selector: { matchLabels: { team } } })),
    ),
    client: fc.constantFrom<object>(
      { unauthenticated: true },
      { meshTLS: { identities: ['*'] } },
      { meshTLS: { unauthenticatedTLS: true }, networks: [{ cidr: '10.42.0.0/16', except: ['10.42.0.13'] }] },
      { meshTLS: { serviceAccounts: [{ name: 'frontend' }] } },
    ),
  })
  .map((z) => saz(z.name, { server: z.server, client: z.client }));

/** Any readable object of namespace `shop` but pods; names repeat, so that later ones replace earlier ones. */
export const anyObject: fc.Arbitrary<Resource> = fc.oneof(
  anyServer,
  anyServer,
  anyPolicy,
  anyRoute,
  anySaz,
  fc.tuple(fc.constantFrom('m-a', 'm-b'), identities).map(([name, ids]) => meshTLS(name, { identities: ids })),
  fc.tuple(fc.constantFrom('n-a', 'n-b'), networks).map(([name, nets]) => network(name, nets)),
  fc.constantFrom(...SERVERS).map((name) => rateLimit(`l-${name}`, { targetRef: targetServer(name), total: { requestsPerSecond: 1 } })),
);

const anyPod: fc.Arbitrary<Resource> = fc
  .record({
    app: fc.constantFrom('backend', 'other'),
    annotations: fc.dictionary(
      fc.constantFrom('config.linkerd.io/default-inbound-policy', 'config.linkerd.io/opaque-ports'),
      fc.constantFrom('deny', 'audit', 'all-authenticated', '8080', '9090-9091', 'nonsense'),
    ),
  })
  .map(({ app, annotations }) => pod({ labels: { app }, annotations }));

const IPS = ['10.42.0.13', '10.42.0.14', '10.42.7.7', '203.0.113.9', '198.51.100.7', 'fd00:42::17', '127.0.0.1', 'not an address'];

/** Pods beside `shop/backend`: replicas and others, of two namespaces, with and without a proxy, at addresses of every kind. */
export const anyPods: fc.Arbitrary<readonly Resource[]> = fc
  .array(
    fc.record({
      namespace: fc.constantFrom('shop', 'shop', 'other'),
      app: fc.constantFrom('backend', 'other'),
      isMeshed: fc.constantFrom(true, true, false),
      serviceAccountName: fc.constantFrom(...ACCOUNTS),
      hostNetwork: fc.constantFrom(false, false, false, true),
      defaultPolicy: fc.constantFrom(null, 'deny', 'all-authenticated'),
      ips: fc.subarray(IPS, { maxLength: 2 }),
    }),
    { maxLength: 12 },
  )
  .map((pods) =>
    pods.map(({ namespace, app, isMeshed, serviceAccountName, hostNetwork, defaultPolicy, ips }, i): Resource => {
      const annotations = defaultPolicy === null ? {} : { 'config.linkerd.io/default-inbound-policy': defaultPolicy };
      const made = pod({ name: `p-${i}`, namespace, labels: { app }, annotations }, { serviceAccountName, hostNetwork });
      const status = { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) };
      return { ...made, metadata: { ...made.metadata, ...(isMeshed ? {} : { labels: { app } }) }, status };
    }),
  );

/** Objects of a cluster, each name once per kind, the pod `shop/backend` among them. */
export const cluster: fc.Arbitrary<readonly Resource[]> = fc
  .tuple(anyPod, fc.array(anyObject, { minLength: 3, maxLength: 16, size: 'max' }))
  .map(([ownPod, others]) => [...new Map([ownPod, ...others].map((r) => [`${r.kind}/${r.metadata.name}`, r])).values()]);

const tls: fc.Arbitrary<ClientTls> = fc.oneof(
  fc.constantFrom(UNMESHED, meshed(null), meshed('spiffe://mesh.example/vm'), { state: 'passthru' as const, sni: 'example.com' }),
  fc.constantFrom(...ACCOUNTS).map((account) => meshed(`${account}.shop${SUFFIX}`)),
);

const traffic: fc.Arbitrary<Traffic> = fc.oneof(
  fc.constant<Traffic>({ type: 'tcp' }),
  fc
    .record({
      path: fc.constantFrom('/', '/api', '/api/', '/api/v1/x', '/health', '/other'),
      method: fc.constantFrom('GET', 'POST'),
      headers: fc.constantFrom<readonly (readonly [string, string])[]>([], [['x-env', 'prod']]),
      authority: fc.constantFrom('backend.shop.svc.cluster.local', 'example.com', null),
    })
    .map(({ path, ...more }) => get(path, more)),
);

export const question: fc.Arbitrary<Required<Asked>> = fc.record({
  ip: fc.constantFrom('10.42.0.13', '10.42.7.7', '203.0.113.9', 'fd00:42::17', '127.0.0.1', '::1'),
  tls,
  traffic,
});

/** A port that Servers take, one that they take by number alone, one that none takes. */
export const port = fc.constantFrom(8080, 9090, 7070);
