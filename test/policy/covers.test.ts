/** An authorization that lets in all that another does: a table, and the law itself asked about clients of every sort. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers } from '../../src/policy/covers.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import type { ClientAuthentication, ClientAuthorization, InboundServer, NetworkMatch } from '../../src/policy/inbound.ts';
import { type Network, parseNetwork } from '../../src/policy/network.ts';

const FRONTEND = 'frontend.shop.serviceaccount.identity.linkerd.cluster.local';
const REPORTS = 'reports.web.serviceaccount.identity.linkerd.cluster.local';
const SHOP = '.shop.serviceaccount.identity.linkerd.cluster.local';
const SPIFFE = 'spiffe://root.linkerd.cluster.local/vm';

function named(identities: readonly string[], suffixes: readonly string[] = []): ClientAuthentication {
  return { type: 'tls-authenticated', identities, suffixes };
}

const AUTHENTICATIONS: Readonly<Record<string, ClientAuthentication>> = {
  anyone: { type: 'unauthenticated' },
  'mesh TLS': { type: 'tls-unauthenticated' },
  'any identity': named([], ['']),
  'namespace shop': named([], [SHOP]),
  frontend: named([FRONTEND]),
  'frontend and reports': named([FRONTEND, REPORTS]),
  'a SPIFFE id': named([SPIFFE]),
};

function net(text: string): Network {
  const network = parseNetwork(text);
  if (network === null) throw new Error(text);
  return network;
}

const NETWORKS: Readonly<Record<string, NetworkMatch>> = {
  everywhere: { net: net('0.0.0.0/0'), except: [] },
  pods: { net: net('10.42.0.0/16'), except: [] },
  'pods but one block': { net: net('10.42.0.0/16'), except: [net('10.42.1.0/24')] },
  'that block': { net: net('10.42.1.0/24'), except: [] },
};

function authorization(authentication: string, network: string): ClientAuthorization {
  const ref = { group: 'policy.linkerd.io', kind: 'authorizationpolicy', name: `${authentication}, ${network}` };
  return {
    ref,
    object: null,
    via: [],
    authentication: AUTHENTICATIONS[authentication] as ClientAuthentication,
    networks: [NETWORKS[network] as NetworkMatch],
  };
}

describe.each([
  ['any identity', 'everywhere', 'frontend', 'pods', true],
  ['namespace shop', 'everywhere', 'frontend', 'everywhere', true],
  ['namespace shop', 'everywhere', 'frontend and reports', 'everywhere', false],
  ['frontend and reports', 'everywhere', 'frontend', 'everywhere', true],
  ['frontend', 'everywhere', 'namespace shop', 'everywhere', false],
  ['any identity', 'everywhere', 'a SPIFFE id', 'everywhere', false],
  ['mesh TLS', 'everywhere', 'a SPIFFE id', 'everywhere', true],
  ['mesh TLS', 'everywhere', 'anyone', 'everywhere', false],
  ['anyone', 'pods', 'frontend', 'everywhere', false],
  ['anyone', 'pods but one block', 'anyone', 'pods', false],
  ['anyone', 'pods but one block', 'anyone', 'that block', false],
  ['anyone', 'pods', 'anyone', 'pods but one block', true],
] as const)('%s from %s against %s from %s', (a, from, b, of, expected) => {
  it(expected ? 'lets in all of them' : 'does not', () => {
    expect(covers(authorization(a, from), authorization(b, of))).toBe(expected);
  });
});

it('whom the inner one lets in, the outer one does', () => {
  const one = fc
    .tuple(fc.constantFrom(...Object.keys(AUTHENTICATIONS)), fc.constantFrom(...Object.keys(NETWORKS)))
    .map(([a, n]) => authorization(a, n));
  const identity = fc.constantFrom(FRONTEND, REPORTS, SPIFFE, `other${SHOP}`, null);
  const ip = fc.constantFrom('10.42.0.7', '10.42.1.7', '203.0.113.7');
  fc.assert(
    fc.property(one, one, identity, ip, fc.boolean(), (outer, inner, clientId, clientIp, isMeshed) => {
      if (!covers(outer, inner)) return;
      const tls = isMeshed ? ({ state: 'established', clientId } as const) : ({ state: 'none', reason: 'no_tls_from_remote' } as const);
      const verdict = (own: ClientAuthorization) => evaluate(alone(own), { clientIp, tls }, { type: 'tcp' }).verdict;
      expect(verdict(inner) !== 'allow' || verdict(outer) === 'allow').toBe(true);
    }),
    { numRuns: 2000 },
  );
});

function alone(own: ClientAuthorization): InboundServer {
  return {
    ref: { group: 'policy.linkerd.io', kind: 'server', name: 'orders' },
    protocol: 'opaque',
    authorizations: [own],
    routes: null,
    rateLimit: null,
    rejectedByProxy: null,
    server: null,
    overshadowed: [],
    defaultPolicy: { policy: 'deny', from: 'cluster-default', ignoredAnnotation: null, identityRequired: false },
  };
}
