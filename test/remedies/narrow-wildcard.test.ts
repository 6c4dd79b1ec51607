/** Wildcards and audit leftovers: who is named instead, whom that shuts out, and where nothing is proposed. */
import { describe, expect, it } from 'vitest';
import { id, PROBED, PROMETHEUS, pod, postureIn, server, type World } from '../posture/shop.ts';
import { told } from './tighten-told.ts';

const account = (name: string) => `
apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, namespace: shop}
---`;
const policy = (spec: string) => `
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: clients, namespace: shop}
spec: {targetRef: {group: policy.linkerd.io, kind: Server, name: http}, ${spec}}
---`;
const MESH = (spec: string) => `
apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata: {name: everyone, namespace: shop}
spec: {${spec}}
---`;
const BY_MESH = policy('requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: everyone}]');
const BY_ADDRESS = `
apiVersion: policy.linkerd.io/v1alpha1
kind: NetworkAuthentication
metadata: {name: office, namespace: shop}
spec: {networks: [{cidr: 10.9.0.0/16}]}
---${policy('requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: NetworkAuthentication, name: office}]').replace('name: clients', 'name: office')}`;
const PODS = [pod('cart'), pod('web'), pod('old'), account('cart'), account('web'), account('old')].join('');
const HTTP = server('http', 'port: 8080');
const WEB: World = { seen: [['web', 'cart', 8080]] };
const ALL = `${PODS}${HTTP}${BY_MESH}${MESH('identities: ["*"]')}`;

const SHOPS: readonly (readonly [name: string, yaml: string, world: World])[] = [
  ['any mesh identity', ALL, WEB],
  ['any mesh identity, in a day', ALL, { ...WEB, days: 1 }],
  ['a whole namespace', `${PODS}${HTTP}${BY_MESH}${MESH('identityRefs: [{kind: Namespace, name: shop}]')}`, WEB],
  ['an accessPolicy', `${PODS}${server('http', 'port: 8080, accessPolicy: all-authenticated')}`, WEB],
  [
    'a ServerAuthorization of everyone',
    `${PODS}${HTTP}
apiVersion: policy.linkerd.io/v1beta1
kind: ServerAuthorization
metadata: {name: clients, namespace: shop}
spec: {server: {name: http}, client: {unauthenticated: true}}
---`,
    {
      seen: [
        ['web', 'cart', 8080],
        ['old', 'cart', 8080],
      ],
    },
  ],
  [
    'an accessPolicy that nobody needs any more',
    `${PODS}${server('http', 'port: 8080, accessPolicy: all-authenticated')}${policy('requiredAuthenticationRefs: [{kind: ServiceAccount, name: web}]')}`,
    WEB,
  ],
];

describe('a wildcard', () => {
  it('gives way to those who were seen, with whom that shuts out', async () => {
    const text = SHOPS.map(([name, yaml, world]) => `# ${name}\n${told('grants-used', yaml, world)}`).join('\n');
    await expect(text).toMatchFileSnapshot('golden/narrow-wildcard.txt');
  });

  it.each<readonly [string, string, World]>([
    ['nobody was seen', ALL, {}],
    [
      'somebody without an identity came by it',
      `${PODS}${server('http', 'port: 8080, accessPolicy: all-unauthenticated')}`,
      {
        seen: [
          ['web', 'cart', 8080],
          [null, 'cart', 8080],
        ],
      },
    ],
    [
      'a probe needs it',
      `${PROBED}${pod('web')}${server('http', 'port: 8080, accessPolicy: all-unauthenticated')}
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: all, namespace: shop}
spec: {parentRefs: [{group: policy.linkerd.io, kind: Server, name: http}], rules: [{matches: [{path: {value: /}}]}]}
---`,
      WEB,
    ],
  ])('stays where %s', (_, yaml, world) => {
    expect(postureIn('shop', yaml, world).tightenings.filter(({ id: kind }) => kind === 'narrow-policy')).toEqual([]);
  });

  it('on the proxy’s own port leaves Prometheus its counters', () => {
    const yaml = `${PROMETHEUS}${pod('cart')}${server('admin', 'port: 4191, accessPolicy: all-authenticated')}`;
    const [remedy] = postureIn('shop', yaml, { seen: [['web', 'cart', 4191]] }).tightenings;
    const list = remedy?.changes.find(({ object }) => object.kind === 'MeshTLSAuthentication')?.manifest;
    expect(list).toMatchObject({ spec: { identities: [expect.stringMatching(/^prometheus\.linkerd-viz\./), id('web')] } });
  });

  it('a hostile identity stays one string of the list', () => {
    const evil = 'x"\n- {{evil}}: ]';
    const [remedy] = postureIn('shop', ALL, { seen: [[evil, 'cart', 8080]] }).tightenings;
    const list = remedy?.changes.find(({ object }) => object.kind === 'MeshTLSAuthentication')?.manifest;
    expect(list === undefined || (list as { spec: { identities: string[] } }).spec.identities.includes(id(evil))).toBe(true);
  });
});

it('a client without an identity, of whom no address is known, cannot have come by any mesh identity, and stops nothing', () => {
  const yaml = `${PODS}${HTTP}${BY_MESH}${MESH('identities: ["*"]')}${BY_ADDRESS}`;
  const world: World = {
    seen: [
      ['web', 'cart', 8080],
      [null, 'cart', 8080],
    ],
    noAddress: true,
  };
  const kinds = postureIn('shop', yaml, world).tightenings.map(({ id: kind }) => kind);
  expect(kinds).toEqual(['narrow-policy']);
});

describe('audit', () => {
  const AUDITED = server('http', 'port: 8080, accessPolicy: audit');
  const GRANTED = policy('requiredAuthenticationRefs: [{kind: ServiceAccount, name: web}]');

  it('ends where everyone who was seen is authorized', () => {
    const [remedy] = postureIn('shop', `${PODS}${AUDITED}${GRANTED}`, WEB).tightenings;
    expect(remedy).toMatchObject({
      id: 'narrow-policy',
      title: 'Take accessPolicy audit out of Server shop/http: it then denies whom nothing authorizes.',
      changes: [{ action: 'edit', object: { kind: 'Server', name: 'http' } }],
      proof: { newlyIn: [] },
    });
    expect(told('audit-ended', `${PODS}${AUDITED}${GRANTED}`, WEB)).toContain('denywhy posture -n shop --remedy 1');
  });

  it('stays where somebody comes by it alone', () => {
    expect(postureIn('shop', `${PODS}${AUDITED}`, WEB).tightenings).toEqual([]);
  });
});
