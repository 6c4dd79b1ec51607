/** Grants that nobody was seen to use: what takes them away, whom that shuts out, and where nothing is proposed. */
import { describe, expect, it } from 'vitest';
import { postureData } from '../../src/commands/posture-text.ts';
import { id, pod, postureIn, server, type World } from '../posture/shop.ts';
import { told } from './tighten-told.ts';

const account = (name: string) => `
apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, namespace: shop}
---`;
const policy = (name: string, target: string, ref: string, namespace = 'shop') => `
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec: {targetRef: {group: policy.linkerd.io, kind: Server, name: ${target}}, requiredAuthenticationRefs: [${ref}]}
---`;
const mesh = (name: string, spec: string) => `
apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata: {name: ${name}, namespace: shop}
spec: {${spec}}
---`;
const TO = (name: string) => `{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: ${name}}`;
const PODS = [pod('cart'), pod('web'), pod('old'), pod('jobs'), account('cart'), account('web'), account('old'), account('jobs')].join('');
const HTTP = server('http', 'port: 8080, proxyProtocol: HTTP/1');

const SHOPS: readonly (readonly [name: string, yaml: string, world: World])[] = [
  [
    'one of two identities, as text',
    `${PODS}${HTTP}${policy('clients', 'http', TO('clients'))}${mesh('clients', `identities: ["${id('web')}", "${id('old')}"]`)}`,
    { seen: [['web', 'cart', 8080]], days: 8 },
  ],
  [
    'one of two ServiceAccounts, in a day',
    `${PODS}${HTTP}${policy('clients', 'http', TO('clients'))}${mesh('clients', 'identityRefs: [{kind: ServiceAccount, name: web}, {kind: ServiceAccount, name: old, namespace: shop}]')}`,
    { seen: [['web', 'cart', 8080]], days: 1 },
  ],
  [
    'a whole policy',
    `${PODS}${HTTP}${policy('web', 'http', '{kind: ServiceAccount, name: web}')}${policy('old', 'http', '{kind: ServiceAccount, name: old}')}`,
    { seen: [['web', 'cart', 8080]], days: 8 },
  ],
  [
    'a ServerAuthorization’s account',
    `${PODS}${HTTP}
apiVersion: policy.linkerd.io/v1beta1
kind: ServerAuthorization
metadata: {name: clients, namespace: shop}
spec: {server: {name: http}, client: {meshTLS: {serviceAccounts: [{name: web}, {name: old}]}}}
---`,
    { seen: [['web', 'cart', 8080]], days: 8 },
  ],
  [
    'an identity that no ServiceAccount has',
    `${PODS}${HTTP}${policy('clients', 'http', TO('clients'))}${mesh('clients', `identities: ["${id('web')}", "${id('gone')}"]`)}`,
    { seen: [['web', 'cart', 8080]], days: 8 },
  ],
  [
    'a list that opens another Server as well, of which nothing was seen',
    `${PODS}${HTTP}
${server('admin', 'port: 9090')}${policy('clients', 'http', TO('clients'))}${policy('admins', 'admin', TO('clients'))}${mesh('clients', `identities: ["${id('web')}", "${id('old')}"]`)}`,
    { seen: [['web', 'cart', 8080]], days: 8 },
  ],
];

describe('a grant that nobody was seen to use', () => {
  it('is taken away, with whom that shuts out', async () => {
    const text = SHOPS.map(([name, yaml, world]) => `# ${name}\n${told('grants-used', yaml, world)}`).join('\n');
    await expect(text).toMatchFileSnapshot('golden/withdraw-grant.txt');
  });

  it.each([
    [
      'another port was used by it',
      `${PODS}${HTTP}${server('admin', 'port: 9090')}${policy('clients', 'http', TO('clients'))}${policy('admins', 'admin', TO('clients'))}${mesh('clients', `identities: ["${id('web')}", "${id('old')}"]`)}`,
      {
        seen: [
          ['web', 'cart', 8080],
          ['old', 'cart', 9090],
        ],
        days: 8,
      },
    ],
    ['no traffic was recorded', `${PODS}${HTTP}${policy('old', 'http', '{kind: ServiceAccount, name: old}')}`, {}],
    ['each was used', `${PODS}${HTTP}${policy('web', 'http', '{kind: ServiceAccount, name: web}')}`, { seen: [['web', 'cart', 8080]] }],
  ] satisfies readonly (readonly [string, string, World])[])('is not proposed where %s', (_, yaml, world) => {
    expect(postureIn('shop', yaml, world).tightenings).toEqual([]);
  });

  it('is not proposed for every namespace at once', () => {
    const [, yaml, world] = SHOPS[0] as (typeof SHOPS)[number];
    expect(postureIn(null, yaml, world).tightenings).toEqual([]);
  });

  it('stands in the data, with its number, its change and its proof', () => {
    const [, yaml, world] = SHOPS[0] as (typeof SHOPS)[number];
    expect(postureData(postureIn('shop', yaml, world))['tightenings']).toMatchObject([
      {
        number: 1,
        id: 'withdraw-grant',
        tightens: expect.stringMatching(/^It shuts out sa\/old in shop; nobody was seen to use it from /),
        changes: [{ action: 'edit', object: { kind: 'MeshTLSAuthentication', name: 'clients' } }],
        proof: { newlyIn: [], shutOut: [{ client: 'sa/old in shop' }] },
      },
    ]);
  });
});
