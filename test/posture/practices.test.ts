/** Each practice on small clusters: what makes it hold, what breaks it, and what is said where it is not known. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nameOfKind, WATCHED_KINDS } from '../../src/drivers/kubernetes-kinds.ts';
import { PRACTICES, stateOf } from '../../src/posture/posture.ts';
import { type Judgement, PRACTICE_IDS, type PracticeId } from '../../src/posture/practice.ts';
import { NEEDED_RESOURCES } from '../../src/posture/unread.ts';
import {
  CART,
  CILIUM,
  DENY,
  DEPLOYMENT,
  deployed,
  grant,
  id,
  judge,
  network,
  PROBED,
  PROMETHEUS,
  pod,
  ROUTE,
  SCRAPED,
  SERVERS,
  server,
  type World,
} from './shop.ts';

const FROM_NODES = `
apiVersion: policy.linkerd.io/v1alpha1
kind: NetworkAuthentication
metadata: {name: nodes, namespace: shop}
spec: {networks: [{cidr: 192.168.0.0/16}]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: nodes, namespace: shop}
spec:
  targetRef: {group: policy.linkerd.io, kind: HTTPRoute, name: orders}
  requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: NetworkAuthentication, name: nodes}]
---`;
const elsewhere = (yaml: string) => yaml.replaceAll('namespace: shop', 'namespace: busy');

const BY_ADDRESS = `
apiVersion: policy.linkerd.io/v1alpha1
kind: NetworkAuthentication
metadata: {name: office, namespace: shop}
spec: {networks: [{cidr: 10.9.0.0/16}]}
---${grant('office', 'http', id('web')).split('---')[1]?.replaceAll('MeshTLSAuthentication', 'NetworkAuthentication')}---`;

const CASES: readonly (readonly [PracticeId, string, string, World, Judgement['state'], RegExp])[] = [
  ['default-deny', 'the pod says deny', pod('cart', { annotations: DENY }), {}, 'holds', /default policy deny/],
  ['default-deny', 'nobody says anything', CART, {}, 'not', /all-unauthenticated lets everyone in/],
  [
    'default-deny',
    'any identity',
    pod('cart', { annotations: DENY.replace(': deny', ': all-authenticated') }),
    {},
    'partly',
    /every mesh identity/,
  ],
  [
    'default-deny',
    'no proxy, beside one that has one',
    CART.replace(', linkerd.io/control-plane-ns: linkerd', '').replace('linkerd-proxy', 'sidecar') + pod('web'),
    {},
    'not',
    /no proxy/,
  ],
  ['ports-covered', 'both ports', CART + SERVERS, {}, 'holds', /each port/],
  ['ports-covered', 'the application’s alone', CART + server('http', 'port: http'), {}, 'partly', /4191 \(the proxy’s own\)/],
  ['ports-covered', 'a port of another name', CART + server('http', 'port: web'), {}, 'not', /8080 \(http\)/],
  ['own-service-account', 'its own', CART, {}, 'holds', /of its own/],
  ['own-service-account', 'shared', CART + pod('orders', { account: 'cart' }), {}, 'not', /shares ServiceAccount cart with another/],
  ['own-service-account', 'default', pod('cart', { account: 'default' }), {}, 'not', /ServiceAccount default/],
  ['network-layered', 'neither', CART, {}, 'not', /neither/],
  ['network-layered', 'Linkerd alone', CART + SERVERS, {}, 'partly', /Linkerd alone/],
  ['network-layered', 'NetworkPolicy alone', CART + network('ingress: []'), {}, 'partly', /NetworkPolicy alone/],
  ['network-layered', '8080 open, 4143 not', CART + SERVERS + network('ingress: [{ports: [{port: 8080}]}]'), {}, 'partly', /not 4143/],
  [
    'network-layered',
    'both, plugin unknown',
    CART + SERVERS + network('ingress: [{ports: [{port: 8080}, {port: 4143}]}]'),
    {},
    'unknown',
    /both refuse/,
  ],
  [
    'network-layered',
    'both, and Cilium',
    CILIUM + CART + SERVERS + network('ingress: [{ports: [{port: 8080}, {port: 4143}]}]'),
    {},
    'holds',
    /both refuse/,
  ],
  ['denials-observable', 'nobody was asked', CART, {}, 'unknown', /log denials/],
  ['denials-observable', 'scraped', CART, { alerting: SCRAPED('up') }, 'holds', /scraped and log/],
  ['denials-observable', 'not scraped', CART, { alerting: SCRAPED('down') }, 'partly', /does not read 1 of 1/],
  [
    'denials-observable',
    'log level',
    pod('cart', { args: '{name: LINKERD2_PROXY_LOG, value: "off"}' }),
    { alerting: SCRAPED('up') },
    'partly',
    /hides denials/,
  ],
  [
    'denials-observable',
    'both',
    pod('cart', { args: '{name: LINKERD2_PROXY_LOG, value: "off"}' }),
    { alerting: SCRAPED('down') },
    'not',
    /logs are off/,
  ],
  [
    'grants-used',
    'used for a week',
    CART + SERVERS + grant('web', 'http', id('web')),
    { seen: [['web', 'cart', 8080]] },
    'holds',
    /each grant was used/,
  ],
  [
    'grants-used',
    'one of two never',
    CART + SERVERS + grant('web', 'http', `${id('web')}, ${id('old')}`),
    { seen: [['web', 'cart', 8080]] },
    'partly',
    /nobody was seen to use/,
  ],
  [
    'grants-used',
    'never, in a day',
    CART + SERVERS + grant('web', 'http', `${id('web')}, ${id('old')}`),
    { seen: [['web', 'cart', 8080]], days: 1 },
    'unknown',
    /nobody was seen to use/,
  ],
  [
    'grants-used',
    'what Linkerd itself grants probes is nobody’s wildcard',
    PROBED + SERVERS + grant('web', 'http', id('web')),
    { seen: [['web', 'cart', 8080]] },
    'holds',
    /each grant was used/,
  ],
  ['grants-used', 'no traffic', CART + SERVERS + grant('web', 'http', id('web')), {}, 'unknown', /not known/],
  ['grants-used', 'any identity', CART + SERVERS + grant('web', 'http', '"*"'), { seen: [['web', 'cart', 8080]] }, 'not', /wildcard/],
  [
    'grants-used',
    'a whole namespace',
    CART + SERVERS + grant('web', 'http', id('"*').replace('local', 'local"')),
    { seen: [['web', 'cart', 8080]] },
    'not',
    /wildcard/,
  ],
  ['grants-used', 'accessPolicy', CART + server('http', 'port: http, accessPolicy: all-unauthenticated'), {}, 'not', /wildcard/],
  [
    'grants-used',
    'expired',
    CART + SERVERS + grant('web', 'http', id('web'), ', annotations: {denywhy.dev/expires: "2026-11-01T00:00:00Z"}'),
    { seen: [['web', 'cart', 8080]] },
    'partly',
    /expired/,
  ],
  [
    'grants-used',
    'nobody used it, and somebody else is refused there',
    CART + SERVERS + grant('web', 'http', id('wep')),
    { seen: [['web', 'cart', 4191]], refused: [['web', 'cart', 8080]] },
    'partly',
    /may miss whom they mean/,
  ],
  [
    'grants-used',
    'whoever was refused has the grant by now',
    CART + SERVERS + grant('web', 'http', id('web')),
    { seen: [['web', 'cart', 4191]], refused: [['web', 'cart', 8080]] },
    'partly',
    /^grants that nobody was seen to use$/,
  ],
  [
    'grants-used',
    'refusals alone tell nothing of uses',
    CART + SERVERS + grant('web', 'http', id('web')),
    { refused: [['old', 'cart', 8080]] },
    'unknown',
    /whether each grant is used is not known/,
  ],
  [
    'grants-used',
    'by address, and no address was observed',
    CART + SERVERS + BY_ADDRESS,
    { seen: [[null, 'cart', 8080]], noAddress: true },
    'unknown',
    /whether each grant is used is not known/,
  ],
  [
    'grants-used',
    'its authentication is not there',
    CART +
      SERVERS +
      grant('web', 'http', id('web')).replace(
        'kind: MeshTLSAuthentication\nmetadata: {name: web',
        'kind: MeshTLSAuthentication\nmetadata: {name: other',
      ),
    { nth: -1 },
    'partly',
    /1 of 1 policy lets nobody in on any port/,
  ],
  ['grants-used', 'its Server is not there', CART + SERVERS + grant('web', 'nothing', id('web')), { nth: -1 }, 'partly', /lets nobody in/],
  [
    'ports-covered',
    'default deny without a Server',
    pod('cart', { annotations: DENY }),
    {},
    'partly',
    /default deny refuses everyone there/,
  ],
  [
    'default-deny',
    'an identity is asked for on one port',
    pod('cart', { annotations: ', config.linkerd.io/proxy-require-identity-inbound-ports: "8080"' }),
    {},
    'partly',
    /but for 8080 \(http\): there it asks for an identity/,
  ],
  [
    'probes-and-scrapes',
    'by the address of a node that is not known, behind a NetworkPolicy that does not stop the kubelet',
    PROBED.replace(', hostIP: 192.168.0.1', '') +
      PROMETHEUS +
      SERVERS +
      ROUTE.replace('/orders', '/healthz') +
      FROM_NODES +
      network('ingress: []'),
    {},
    'partly',
    /^refused: scrapes \(GET \/metrics\)$/,
  ],
  [
    'probes-and-scrapes',
    'HTTP/1.1 probes on a Server of HTTP/2',
    PROBED + PROMETHEUS + server('http', 'port: http, proxyProtocol: HTTP/2'),
    {},
    'partly',
    /refused: probes \(GET \/healthz\)/,
  ],
  [
    'probes-and-scrapes',
    'a scrape was refused, by a Prometheus that is not among the objects',
    pod('cart', { annotations: DENY }),
    { refused: [['prometheus', 'cart', 4191]] },
    'partly',
    /whoever reads its counters is refused/,
  ],
  [
    'probes-and-scrapes',
    'a Prometheus that is not among the objects was seen to get in',
    PROBED,
    { seen: [['prometheus', 'cart', 4191]] },
    'holds',
    /each of them gets in/,
  ],
  [
    'probes-and-scrapes',
    'it was refused once, and gets in today',
    CART,
    { refused: [['prometheus', 'cart', 4191]] },
    'unknown',
    /no scrape that is known/,
  ],
  ['audit-ended', 'nothing audits', CART + SERVERS, {}, 'holds', /no Server/],
  ['audit-ended', 'no traffic', CART + server('http', 'port: http, accessPolicy: audit'), {}, 'partly', /nobody is known/],
  [
    'audit-ended',
    'all granted for a week',
    CART + server('http', 'port: http, accessPolicy: audit') + grant('web', 'http', id('web')),
    { seen: [['web', 'cart', 8080]] },
    'partly',
    /ready to enforce/,
  ],
  [
    'audit-ended',
    'somebody is not granted',
    CART + server('http', 'port: http, accessPolicy: audit') + grant('web', 'http', id('web')),
    { seen: [['old', 'cart', 8080]] },
    'not',
    /would refuse 1 client that calls today/,
  ],
  ['policies-documented', 'nothing', CART + SERVERS, {}, 'not', /2 of 2/],
  [
    'policies-documented',
    'half',
    CART + server('http', 'port: http', ', annotations: {kubernetes.io/description: web, owner: ann}') + server('admin', 'port: 4191'),
    {},
    'partly',
    /1 of 2/,
  ],
  [
    'policies-documented',
    'all',
    CART + server('http', 'port: http', ', annotations: {kubernetes.io/description: web, owner: ann}'),
    {},
    'holds',
    /the one policy has/,
  ],
  ['labels-consistent', 'as it should be', CART + SERVERS, {}, 'holds', /each of 2/],
  ['probes-and-scrapes', 'no Prometheus is known', CART, {}, 'unknown', /no scrape that is known/],
  ['probes-and-scrapes', 'everything is open', CART + PROMETHEUS, {}, 'holds', /each of them/],
  ['probes-and-scrapes', 'scrapes refused', CART + PROMETHEUS + server('admin', 'port: 4191'), {}, 'not', /scrapes \(GET \/metrics\)/],
  [
    'probes-and-scrapes',
    'probes on a Server without routes',
    PROBED + PROMETHEUS + server('http', 'port: http'),
    {},
    'holds',
    /each of them/,
  ],
  [
    'probes-and-scrapes',
    'a first route takes the probes away',
    PROBED + PROMETHEUS + server('http', 'port: http') + ROUTE,
    {},
    'partly',
    /probes \(GET \/healthz\)/,
  ],
  [
    'denials-observable',
    'Prometheus remembers for hours',
    CART + PROMETHEUS,
    { nth: -1 },
    'partly',
    /of linkerd-viz forgets after 6 hours/,
  ],
  [
    'denials-observable',
    'what it says itself goes before its arguments',
    CART + PROMETHEUS,
    { alerting: SCRAPED('up'), nth: -1 },
    'holds',
    /15 days/,
  ],
  [
    'denials-observable',
    'it says hours',
    CART,
    { alerting: SCRAPED('up', { time: 21_600_000, size: null, source: '' }), nth: -1 },
    'partly',
    /Prometheus forgets after 6 hours/,
  ],
  [
    'denials-observable',
    'its size is bounded',
    CART,
    { alerting: SCRAPED('up', { time: 1_296_000_000, size: '10GB', source: '' }), nth: -1 },
    'unknown',
    /15 days, or less where 10GB/,
  ],
  ['denials-observable', 'it does not tell', CART, { alerting: SCRAPED('up', null), nth: -1 }, 'unknown', /is not known/],
  [
    'denials-observable',
    'it refuses',
    CART,
    { alerting: SCRAPED('up', { why: '403', remedy: 'Set a token.' }), nth: -1 },
    'unknown',
    /does not tell how long/,
  ],
  ['denials-observable', 'nobody asked for its retention', CART, { nth: -1 }, 'unknown', /is not known/],
  [
    'denials-observable',
    'one remembers hours, of the other it is not known',
    CART + PROMETHEUS + PROMETHEUS.replace('linkerd-viz', 'monitoring').replace('args: [--storage.tsdb.retention.time=6h]', 'args: []'),
    { nth: -1 },
    'unknown',
    /forgets after 6 hours/,
  ],
  [
    'denials-observable',
    'no rule is loaded',
    CART,
    { alerting: { ...SCRAPED('up'), rules: { good: 0, bad: ['a'] } }, nth: 1 },
    'not',
    /no alert rule/,
  ],
  ['changes-staged', 'nobody recorded any', CART, {}, 'unknown', /no change/],
  ['changes-staged', 'a Server comes and closes', CART + pod('web'), { later: [server('http', 'port: http')] }, 'not', /1 of 1/],
  [
    'changes-staged',
    'a Server that lets everyone in',
    CART + pod('web'),
    { later: [server('http', 'port: http, accessPolicy: all-unauthenticated')] },
    'holds',
    /no recorded change/,
  ],
  [
    'changes-staged',
    'audit first',
    CART + pod('web'),
    { later: [server('http', 'port: http, accessPolicy: audit'), server('http', 'port: http')] },
    'holds',
    /audited first/,
  ],
  [
    'changes-staged',
    'one with and one without',
    CART + pod('web'),
    { later: [server('http', 'port: http, accessPolicy: audit'), server('http', 'port: http'), server('admin', 'port: 4191')] },
    'partly',
    /1 of 3/,
  ],
  [
    'changes-staged',
    'many changes elsewhere came after it',
    CART + pod('web'),
    { later: [server('http', 'port: http'), ...Array.from({ length: 120 }, (_, i) => elsewhere(server('busy', `port: ${i + 1}`)))] },
    'not',
    /1 of 1/,
  ],
  [
    'changes-staged',
    'many of its own came after it: the newest 50 are looked at',
    CART + pod('web'),
    {
      later: [
        server('http', 'port: http'),
        ...Array.from({ length: 50 }, (_, i) => server('admin', 'port: 4191, accessPolicy: all-unauthenticated', `, labels: {n: "${i}"}`)),
      ],
    },
    'holds',
    /no recorded change/,
  ],
  [
    'changes-staged',
    'only others were changed',
    CART,
    { later: [elsewhere(server('busy', 'port: 1'))] },
    'unknown',
    /no change of its policy/,
  ],
  ['labels-consistent', 'one of two pods', deployed('a', 'cart') + deployed('b', 'other') + SERVERS, {}, 'not', /some pods carry/],
  ['labels-consistent', 'the template says otherwise', deployed('a', 'cart') + DEPLOYMENT('other') + SERVERS, {}, 'not', /some pods carry/],
  ['labels-consistent', 'the template is not known', deployed('a', 'cart') + SERVERS, {}, 'unknown', /today/],
  ['labels-consistent', 'the template says so', deployed('a', 'cart') + DEPLOYMENT('cart') + SERVERS, {}, 'holds', /each of 2/],
  ['labels-consistent', 'nothing is selected', pod('orders') + SERVERS, {}, 'not', /2 of 2/],
];

describe.each(PRACTICE_IDS)('%s', (practice) => {
  it.each(CASES.filter(([of]) => of === practice).map(([, name, yaml, world, state, found]) => ({ name, yaml, world, state, found })))(
    '$name: $state',
    ({ yaml, world, state, found }) => {
      const first = judge(practice, yaml, world).at(world.nth ?? 0);
      expect(first).toMatchObject({ state, found: expect.stringMatching(found) });
      // Nothing is said without a reason, and what is not known names what would tell.
      if (first !== undefined) expect(first.evidence.length + first.lacking.length).toBeGreaterThan(0);
      if (state === 'unknown') expect(first?.lacking).not.toEqual([]);
      if (state === 'not') expect(first?.next).not.toBeNull();
    },
  );
});

describe('what was not read', () => {
  const lackingOf = (id: PracticeId, unread: NonNullable<World['unread']>) => judge(id, CART + SERVERS, { unread })[0];

  it('of other namespaces is repeated where it decides: what seemed to hold is not known then', () => {
    const found = lackingOf('default-deny', new Map([['namespaces', null]]));
    expect(found?.lacking).toEqual([
      'what the annotations of the namespace give to new pods: namespaces were not read, which takes the right to list them',
    ]);
    expect(lackingOf('labels-consistent', new Map([['deployments.apps', 'shop']]))).toMatchObject({ state: 'holds', lacking: [] });
    expect(lackingOf('labels-consistent', new Map([['deployments.apps', 'other']]))?.state).toBe('unknown');
    expect(lackingOf('changes-staged', new Map([['pods', 'shop']]))?.lacking.at(-1)).toMatch(
      /^who of them was shut out: pods of other namespaces/,
    );
  });

  it('what does not hold stays so', () => {
    expect(lackingOf('policies-documented', new Map([['namespaces', null]]))).toMatchObject({
      state: 'not',
      lacking: [expect.anything(), expect.stringMatching(/^whose the namespace is/)],
    });
  });

  it('resources are named as the table of what is read names them', () => {
    const known = new Set(WATCHED_KINDS.map(nameOfKind));
    expect(NEEDED_RESOURCES.filter((name) => !known.has(name))).toEqual([]);
  });
});

it('ids, files and sections of the page are the same', () => {
  expect(PRACTICES.map(({ id: name }) => name)).toEqual([...PRACTICE_IDS]);
  const page = readFileSync('docs/posture.md', 'utf8');
  expect([...page.matchAll(/^### (\S+)$/gm)].map(([, name]) => name)).toEqual([...PRACTICE_IDS]);
});

it.each([
  [['holds', 'holds'], 'holds'],
  [['holds', 'unknown'], 'unknown'],
  [['holds', 'not'], 'partly'],
  [['not', 'not'], 'not'],
  [['not', 'unknown'], 'partly'],
  [['partly', 'unknown'], 'partly'],
] as const)('%j together: %s', (states, together) => {
  expect(stateOf(states.map((state) => ({ state })))).toBe(together);
});
