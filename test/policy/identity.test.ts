import { describe, expect, it } from 'vitest';
import {
  isUriIdentity,
  namespaceIdentitySuffix,
  parseIdentity,
  readIdentityPattern,
  serviceAccountIdentity,
  showIdentity,
  suffixMatches,
} from '../../src/policy/identity.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';

describe('parseIdentity (facts §5.7)', () => {
  it.each([
    ['frontend.shop.serviceaccount.identity.linkerd.cluster.local', 'frontend', 'shop', 'linkerd', 'cluster.local'],
    ['batch.jobs.shop.serviceaccount.identity.linkerd.cluster.local', 'batch.jobs', 'shop', 'linkerd', 'cluster.local'],
    ['a.b.serviceaccount.identity.l5d.prod.example.com', 'a', 'b', 'l5d', 'prod.example.com'],
    ['a.b.serviceaccount.identity.c.serviceaccount.identity.d', 'a', 'b', 'c', 'serviceaccount.identity.d'],
  ])('%s is ServiceAccount %s of %s, issued by %s in %s', (text, serviceAccount, namespace, controlPlaneNamespace, trustDomain) => {
    expect(parseIdentity(text)).toEqual({ serviceAccount, namespace, controlPlaneNamespace, trustDomain });
    expect(showIdentity(parseIdentity(text) ?? expect.fail())).toBe(text);
  });

  it.each([
    '',
    'frontend',
    'frontend.serviceaccount.identity.linkerd.cluster.local',
    '.shop.serviceaccount.identity.linkerd.cluster.local',
    'frontend..serviceaccount.identity.linkerd.cluster.local',
    'frontend.shop.serviceaccount.identity.linkerd',
    'frontend.shop.serviceaccount.identity..cluster.local',
    'spiffe://root.linkerd.cluster.local/vm',
    'frontend.shop.identity.serviceaccount.linkerd.cluster.local',
  ])('%j is none of the kind', (text) => {
    expect(parseIdentity(text)).toBeNull();
  });
});

describe('patterns (facts §5.7)', () => {
  it.each([
    ['*', { suffix: '' }],
    ['*.shop.serviceaccount.identity.linkerd.cluster.local', { suffix: '.shop.serviceaccount.identity.linkerd.cluster.local' }],
    ['*.', { suffix: '.' }],
    ['**', { identity: '**' }],
    ['*shop', { identity: '*shop' }],
    ['frontend-*.shop', { identity: 'frontend-*.shop' }],
    ['Frontend.shop', { identity: 'Frontend.shop' }],
    ['spiffe://mesh.example/*', { identity: 'spiffe://mesh.example/*' }],
  ])('%s is read as %j', (text, pattern) => {
    expect(readIdentityPattern(text)).toEqual(pattern);
  });

  it.each([
    ['.shop.local', 'frontend.shop.local', true],
    ['.shop.local', 'a.b.shop.local', true],
    ['.shop.local', 'shop.local', false],
    ['.shop.local', 'xshop.local', false],
    ['.shop.local', 'frontend.SHOP.local', false],
    ['', 'anything', true],
    ['', 'spiffe://mesh.example/vm', false],
    ['/vm', 'spiffe://mesh.example/vm', false],
  ])('suffix %j takes %s: %s', (suffix, id, expected) => {
    expect(suffixMatches(suffix, id)).toBe(expected);
  });
});

it("builds this cluster's identities from control plane namespace and trust domain", () => {
  const info = { ...LINKERD_DEFAULTS, controlPlaneNamespace: 'l5d', identityTrustDomain: 'example.org' };
  expect(serviceAccountIdentity(info, 'shop', 'batch.jobs')).toBe('batch.jobs.shop.serviceaccount.identity.l5d.example.org');
  expect(namespaceIdentitySuffix(info, 'shop')).toBe('.shop.serviceaccount.identity.l5d.example.org');
  expect(isUriIdentity('spiffe://a/b')).toBe(true);
});
