import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accessClients } from '../../src/access/clients.ts';
import { type AccessChange, compareAccess, getsIn, newlyAllowed, newlyDenied } from '../../src/access/compare.ts';
import { allPorts, changedPorts, type PortChange } from '../../src/access/ports.ts';
import { accessRequests } from '../../src/access/requests.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { withChanges } from '../../src/policy/snapshot.ts';
import { anyObject, cluster, port, question } from '../policy/arbitrary.ts';
import {
  ACCOUNT,
  ask,
  FRONTEND,
  MESHTLS,
  meshTLS,
  NETWORK,
  network,
  pod,
  policy,
  policyIn,
  route,
  SERVER,
  snapshot,
  targetServer,
} from '../policy/cluster.ts';

const frontendPod = pod({ name: 'frontend', labels: { app: 'frontend' } }, { serviceAccountName: 'frontend', containers: [] });
const frontendAt = (ip: string): Resource => ({ ...frontendPod, status: { podIP: ip } });
const scanner: Resource = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'legacy', name: 'scanner' },
  spec: { containers: [] },
  status: { podIP: '10.42.0.66' },
};
const BASE = [pod(), frontendAt('10.42.0.13'), scanner, SERVER];

function changed(more: readonly Resource[], from: readonly Resource[] = BASE): readonly AccessChange[] {
  const before = snapshot(from);
  return compareAccess(
    before,
    withChanges(
      before,
      more.map((resource) => ({ apply: resource })),
    ),
  );
}

function who(changes: readonly AccessChange[]): readonly string[] {
  return [
    ...new Set(
      changes.map(({ client: { who: w }, request }) => {
        const name =
          w.type === 'service-account' ? `${w.namespace}/${w.name}` : w.type === 'unmeshed' ? `${w.namespace}/${w.serviceAccount}` : '';
        return `${w.type} ${name}${w.type === 'address' ? w.ip : ''} ${request.text}`.replaceAll('  ', ' ');
      }),
    ),
  ].sort();
}

describe('who gets in newly', () => {
  it('is the one ServiceAccount that a policy names, on every path', () => {
    const changes = newlyAllowed(changed([policy('allow', targetServer('backend-http'), [ACCOUNT('frontend')])]));
    expect(new Set(changes.map(({ client }) => JSON.stringify(client.who)))).toEqual(
      new Set([JSON.stringify({ type: 'service-account', namespace: 'shop', name: 'frontend' })]),
    );
    expect(changes.every(({ at }) => at.port === 8080 && at.workloads.map((w) => w.ref.name).join() === 'backend')).toBe(true);
    expect(changes.map(({ client }) => client.pods.map((p) => p.ref.name))).toContainEqual(['frontend']);
  });

  it('is everyone where a policy asks for nothing: strangers, other trust domains and addresses outside as well', () => {
    const types = new Set(newlyAllowed(changed([policy('open', targetServer('backend-http'), [])])).map((c) => c.client.who.type));
    expect([...types].sort()).toEqual(['address', 'other-identity', 'service-account', 'unmeshed']);
  });

  it('is one side of a network, and not the exception inside it', () => {
    const net = network('office', [{ cidr: '10.42.0.0/16', except: ['10.42.0.64/26'] }]);
    const changes = newlyAllowed(changed([net, policy('allow', targetServer('backend-http'), [NETWORK('office')])]));
    const ips = [...new Set(changes.map((c) => c.client.ip))].sort();
    expect(ips).toContain('10.42.0.13');
    expect(ips).not.toContain('10.42.0.66');
    expect(changes.every((c) => (c.client.ip === null ? c.after === 'undecided' : c.client.ip.startsWith('10.42.')))).toBe(true);
  });

  it('of an identity that has no pods yet is named all the same', () => {
    const mesh = meshTLS('partners', { identities: ['partner.outside.serviceaccount.identity.linkerd.cluster.local', FRONTEND] });
    const changes = newlyAllowed(changed([mesh, policy('allow', targetServer('backend-http'), [MESHTLS('partners')])]));
    expect(new Set(changes.map((c) => c.client.who.type))).toEqual(new Set(['identity', 'service-account']));
  });
});

describe('who is shut out', () => {
  it('by a first route is the probe', () => {
    const changes = newlyDenied(changed([route('orders', { rules: [{ matches: [{ path: { type: 'Exact', value: '/orders' } }] }] })]));
    expect(who(changes)).toContain('unmeshed legacy/default GET /health');
    expect(changes.every((c) => c.after === 'route_not_found')).toBe(true);
  });
});

describe('a comparison', () => {
  it('of a cluster with itself is empty', () => {
    fc.assert(
      fc.property(cluster, (resources) => {
        expect(compareAccess(snapshot(resources), snapshot([...resources]))).toEqual([]);
      }),
    );
  });

  it('by classes comes to the same as client by client', () => {
    fc.assert(
      fc.property(cluster, anyObject, (resources, added) => {
        const before = snapshot(resources);
        const after = withChanges(before, [{ apply: added }]);
        const ports = changedPorts(before, after);
        const policiesOf = ({ before: was, after: now }: PortChange) => [was, now].filter((one) => one !== null);
        const clients = ports.length === 0 ? [] : accessClients([before, after], ports.flatMap(policiesOf));
        const each = ports.flatMap((at) =>
          accessRequests(policiesOf(at)).flatMap((request) =>
            clients.flatMap((client) => {
              const connection = { clientIp: client.ip, tls: client.tls };
              const [was, now] = [at.before, at.after].map((of) =>
                of === null ? 'allow' : evaluate(of, connection, request.traffic).verdict,
              );
              return was === now ? [] : [{ at, request, client, before: was, after: now }];
            }),
          ),
        );
        expect(compareAccess(before, after)).toEqual(each);
      }),
      { numRuns: 200 },
    );
  });

  it('the other way round is its mirror image', () => {
    fc.assert(
      fc.property(cluster, anyObject, (resources, added) => {
        const before = snapshot(resources);
        const after = withChanges(before, [{ apply: added }]);
        const mirror = compareAccess(after, before).map(({ before: b, after: a, ...c }) => ({ ...c, before: a, after: b }));
        const keys = (changes: readonly Pick<AccessChange, 'at' | 'request' | 'client' | 'before' | 'after'>[]) =>
          changes.map((c) => JSON.stringify([c.at.port, c.request, c.client.who, c.client.ip, c.before, c.after])).sort();
        expect(keys(mirror)).toEqual(keys(compareAccess(before, after)));
      }),
    );
  });

  it('misses no client and no port for which an added object makes a difference', () => {
    fc.assert(
      fc.property(cluster, anyObject, question, port, (resources, added, asked, p) => {
        fc.pre(asked.ip !== '127.0.0.1' && asked.ip !== '::1');
        const before = snapshot(resources);
        const after = withChanges(before, [{ apply: added }]);
        const [was, is] = [before, after].map((s) => getsIn(ask(policyIn(s, p), asked).verdict));
        if (was === is) return;
        const known = allPorts(after)
          .concat(allPorts(before))
          .some((at) => at.port === p);
        if (!known) return;
        const changes = compareAccess(before, after).filter(({ at }) => at.port === p);
        expect(is === true ? newlyAllowed(changes) : newlyDenied(changes)).not.toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});
