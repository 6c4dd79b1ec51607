/** What must hold of the law for every cluster. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICIES, parseDefaultPolicy } from '../../src/policy/default-policy.ts';
import { parseIdentity, readIdentityPattern, showIdentity, suffixMatches } from '../../src/policy/identity.ts';
import { type Resource, refOf } from '../../src/policy/resource.ts';
import { buildSnapshot, type ObjectChange, resourcesOf, restarted, type Snapshot, withChanges } from '../../src/policy/snapshot.ts';
import { inboundServerJson } from '../oracle/answers.ts';
import { anyObject, anyPolicy, cluster, identity, port, question } from './arbitrary.ts';
import { ask, DENY, pod, policyAt, policyIn, snapshot } from './cluster.ts';

/** All that a controller would send for the pod. */
function policiesOf(of: Snapshot): unknown {
  return [8080, 9090, 7070, 4191].map((p) => inboundServerJson(policyIn(of, p)));
}

describe('a cluster with default deny and no policies', () => {
  it('authorizes nobody but localhost and the probe route of the pod', () => {
    fc.assert(
      fc.property(question, port, (asked, p) => {
        const evaluation = ask(policyAt([pod()], p, DENY), asked);
        const isLocalhost = asked.ip === '127.0.0.1' || asked.ip === '::1';
        const { traffic } = asked;
        const isProbe = p === 8080 && traffic?.type === 'http' && traffic.request.path === '/health' && traffic.request.method === 'GET';
        expect(evaluation.verdict).toBe(isLocalhost || isProbe ? 'allow' : 'deny');
      }),
    );
  });
});

describe('policies only add', () => {
  it('another AuthorizationPolicy never denies anyone who was allowed', () => {
    fc.assert(
      fc.property(cluster, anyPolicy, question, port, (resources, added, asked, p) => {
        fc.pre(!resources.some((r) => r.kind === added.kind && r.metadata.name === added.metadata.name));
        const before = ask(policyAt(resources, p), asked).verdict;
        const after = ask(policyAt([...resources, added], p), asked).verdict;
        if (before !== 'deny') expect(after).toBe(before);
      }),
      { numRuns: 400 },
    );
  });

  it('and never changes which Server and route take a request', () => {
    fc.assert(
      fc.property(cluster, anyPolicy, question, port, (resources, added, asked, p) => {
        const [before, after] = [resources, [...resources, added]].map((r) => ask(policyAt(r, p), asked));
        expect([after?.server, after?.route, after?.protocol]).toEqual([before?.server, before?.route, before?.protocol]);
      }),
    );
  });
});

describe('the order of objects', () => {
  it("never matters beyond Linkerd's own tie-breaks", () => {
    const shuffled = cluster.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray([...all], { minLength: all.length })));
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        expect(policiesOf(snapshot(other))).toEqual(policiesOf(snapshot(one)));
      }),
      { numRuns: 300 },
    );
  });
});

describe('changes', () => {
  const change: fc.Arbitrary<ObjectChange> = fc.oneof(
    { weight: 3, arbitrary: anyObject.map((apply) => ({ apply })) },
    anyObject.map((object) => ({ delete: refOf(object) })),
  );

  /** What is left after all changes, as a plain list. */
  function applied(resources: readonly Resource[], changes: readonly ObjectChange[]): readonly Resource[] {
    const all = new Map(resources.map((r) => [keyOf(refOf(r)), r]));
    for (const c of changes) {
      if ('apply' in c) all.set(keyOf(refOf(c.apply)), c.apply);
      else all.delete(keyOf(c.delete));
    }
    return [...all.values()];
  }
  const keyOf = (ref: object) => JSON.stringify(ref);

  it('of readable objects give what a snapshot built from scratch gives', () => {
    fc.assert(
      fc.property(cluster, fc.array(change, { maxLength: 20 }), (resources, changes) => {
        const start = snapshot(resources);
        const scratch = snapshot(applied(resources, changes));
        expect(policiesOf(withChanges(start, changes))).toEqual(policiesOf(scratch));
        const oneByOne = changes.reduce((s, c) => withChanges(s, [c]), start);
        expect(policiesOf(oneByOne)).toEqual(policiesOf(scratch));
        expect(policiesOf(restarted(oneByOne))).toEqual(policiesOf(scratch));
      }),
      { numRuns: 300 },
    );
  });

  it('leave the snapshot that they start from as it was', () => {
    fc.assert(
      fc.property(cluster, fc.array(change, { maxLength: 20 }), (resources, changes) => {
        const start = snapshot(resources);
        const [before, objects] = [[...resourcesOf(start)], structuredClone(resources)];
        withChanges(start, changes);
        expect([...resourcesOf(start)]).toEqual(before);
        expect(policiesOf(start)).toEqual(policiesOf(snapshot(resources)));
        expect(resources).toEqual(objects);
      }),
    );
  });

  it('of other namespaces leave the indexes of this one in place', () => {
    const start = snapshot([pod()]);
    const other = pod({ namespace: 'other', name: 'x' });
    expect(withChanges(start, [{ apply: other }]).namespaces.get('shop')).toBe(start.namespaces.get('shop'));
  });
});

describe('parse ∘ print is the identity', () => {
  it('on identities', () => {
    fc.assert(
      fc.property(identity, (id) => {
        expect(parseIdentity(showIdentity(id))).toEqual(id);
      }),
    );
  });

  it('on default policies', () => {
    for (const policy of DEFAULT_POLICIES) expect(parseDefaultPolicy(policy)).toBe(policy);
  });

  it('on patterns of identities, and a suffix takes what ends with it', () => {
    fc.assert(
      fc.property(identity, (id) => {
        const text = showIdentity(id);
        expect(readIdentityPattern(text)).toEqual({ identity: text });
        const suffix = `.${id.namespace}.serviceaccount.identity.${id.controlPlaneNamespace}.${id.trustDomain}`;
        expect(readIdentityPattern(`*${suffix}`)).toEqual({ suffix });
        expect(suffixMatches(suffix, text)).toBe(true);
        expect(suffixMatches('', text)).toBe(true);
      }),
    );
  });
});

it('reads any JSON at all in place of a spec without throwing', () => {
  const kinds = [
    ['v1', 'Pod'],
    ['policy.linkerd.io/v1beta3', 'Server'],
    ['policy.linkerd.io/v1beta1', 'ServerAuthorization'],
    ['policy.linkerd.io/v1alpha1', 'AuthorizationPolicy'],
    ['policy.linkerd.io/v1alpha1', 'MeshTLSAuthentication'],
    ['policy.linkerd.io/v1alpha1', 'NetworkAuthentication'],
    ['policy.linkerd.io/v1beta3', 'HTTPRoute'],
    ['gateway.networking.k8s.io/v1', 'GRPCRoute'],
    ['policy.linkerd.io/v1alpha1', 'HTTPLocalRateLimitPolicy'],
    ['workload.linkerd.io/v1beta1', 'ExternalWorkload'],
  ] as const;
  const fields =
    'podSelector port server client targetRef requiredAuthenticationRefs identities identityRefs networks parentRefs rules total overrides ports containers matches path headers filters cidr except name kind group __proto__ constructor';
  const key = fc.constantFrom(...fields.split(' '));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom<unknown>(null, 1, 'x', true, -1, 1e99, ''),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 5 }),
    ),
  }));
  fc.assert(
    fc.property(fc.constantFrom(...kinds), tree, tree, ([apiVersion, kind], spec, status) => {
      const object = { apiVersion, kind, metadata: { namespace: 'shop', name: 'any' }, spec, status };
      policiesOf(buildSnapshot([pod(), object], DENY));
    }),
    { numRuns: 2000 },
  );
});
