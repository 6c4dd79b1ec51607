import { describe, expect, it } from 'vitest';
import { readGRPCRoute } from '../../src/policy/grpc-route.ts';
import { readHTTPRoute } from '../../src/policy/http-route.ts';
import { accepted, ask, DENY, policyAt, route, SERVER, server, targetServer } from './cluster.ts';

const PARENT = targetServer('backend-http');

function routesOf(...routes: readonly Parameters<typeof policyAt>[0][number][]): readonly string[] | undefined {
  return policyAt([SERVER, ...routes]).routes?.map((r) => r.ref.name);
}

describe('parents (facts §5.9)', () => {
  it.each([
    ['the Server by its name', [PARENT], true],
    ['its own namespace, spelt out', [{ ...PARENT, namespace: 'shop' }], true],
    ['group and kind in any case', [{ ...PARENT, group: 'Policy.Linkerd.IO', kind: 'server' }], true],
    ['the same Server twice', [PARENT, PARENT], true],
    ['a Service beside it', [{ kind: 'Service', name: 'x' }, PARENT], true],
    ['another namespace', [{ ...PARENT, namespace: 'other' }], false],
    ['a port', [{ ...PARENT, port: 8080 }], false],
    ['a section', [{ ...PARENT, sectionName: 'x' }], false],
    ['a good parent and a bad one', [PARENT, { ...targetServer('else'), port: 1 }], false],
    ['a bad parent that is no Server', [PARENT, { kind: 'Service', name: 'x', port: 1 }], true],
    ['no kind', [{ group: 'policy.linkerd.io', name: 'backend-http' }], false],
    ['no group', [{ kind: 'Server', name: 'backend-http' }], false],
    ['no name', [{ ...PARENT, name: '' }], false],
  ])('with %s', (_what, parentRefs, isAttached) => {
    const object = { ...route('r', { parentRefs }), status: { parents: [accepted(PARENT)] } };
    expect(routesOf(object)).toEqual(isAttached ? ['r'] : ['default', 'probe']);
  });
});

describe('status (facts §5.9)', () => {
  const condition = (type: string, status: string) => ({ type, status });
  it.each([
    ['Accepted', [accepted(PARENT)], true],
    ['none', [], false],
    ['of another controller', [{ ...accepted(PARENT), controllerName: 'example.com/gateway' }], false],
    ['of another Server', [accepted(targetServer('else'))], false],
    ['for a parent without kind', [accepted({ name: 'backend-http' } as never)], false],
    ['for a parent whose kind is spelt otherwise', [accepted({ kind: 'server', name: 'backend-http' })], false],
    ['whose parent has another group', [accepted({ kind: 'Server', name: 'backend-http', group: 'x' })], true],
    ['Accepted False', [{ ...accepted(PARENT), conditions: [condition('Accepted', 'False')] }], false],
    ['Accepted true in lower case', [{ ...accepted(PARENT), conditions: [condition('Accepted', 'true')] }], false],
    ['another condition', [{ ...accepted(PARENT), conditions: [condition('ResolvedRefs', 'True')] }], false],
    ['the second entry', [{ ...accepted(PARENT), conditions: [condition('Accepted', 'False')] }, accepted(PARENT)], true],
  ])('%s', (_what, parents, isAttached) => {
    expect(routesOf({ ...route('r'), status: { parents } })).toEqual(isAttached ? ['r'] : ['default', 'probe']);
  });

  it('one Server out of two', () => {
    const both = { ...route('r', { parentRefs: [PARENT, targetServer('other')] }), status: { parents: [accepted(targetServer('other'))] } };
    expect(routesOf(both)).toEqual(['default', 'probe']);
  });
});

describe('what spoils a whole route', () => {
  it.each([
    ['a relative exact path', { matches: [{ path: { type: 'Exact', value: 'api' } }] }],
    ['a relative prefix', { matches: [{ path: { value: 'api' } }] }],
    ['an empty path', { matches: [{ path: { value: '' } }] }],
    ['a regular expression that Rust refuses', { matches: [{ path: { type: 'RegularExpression', value: '/api/{id}' } }] }],
    ['look-ahead', { matches: [{ headers: [{ name: 'a', type: 'RegularExpression', value: '(?=x)' }] }] }],
    ['a bad expression for a query', { matches: [{ queryParams: [{ name: 'a', type: 'RegularExpression', value: '(' }] }] }],
    ['a header name with a blank', { matches: [{ headers: [{ name: 'x env', value: 'a' }] }] }],
    ['a header value beyond ASCII', { matches: [{ headers: [{ name: 'x-env', value: 'é' }] }] }],
    ['a bad match beside a good one', { matches: [{}, { path: { value: 'x' } }] }],
    ['RequestMirror', { filters: [{ type: 'RequestMirror', requestMirror: {} }] }],
    ['URLRewrite', { filters: [{ type: 'URLRewrite', urlRewrite: {} }] }],
    ['ExtensionRef', { filters: [{ type: 'ExtensionRef', extensionRef: {} }] }],
    ['a filter that is none', { filters: [{ type: 'RequestRedirect' }] }],
    [
      'a relative replacement',
      { filters: [{ type: 'RequestRedirect', requestRedirect: { path: { type: 'ReplaceFullPath', replaceFullPath: 'x' } } }] },
    ],
    ['a replacement without a path', { filters: [{ type: 'RequestRedirect', requestRedirect: { path: { type: 'ReplaceFullPath' } } }] }],
    ['a status that is none', { filters: [{ type: 'RequestRedirect', requestRedirect: { statusCode: 99 } }] }],
    ['a modifier of a header that is none', { filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { remove: ['a b'] } }] }],
    [
      'the same of a response',
      { filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: '', value: 'a' }] } }] },
    ],
  ])('%s', (_what, rule) => {
    const bad = route('r', { rules: [{ matches: [{}] }, rule] });
    expect(readHTTPRoute(bad)).toHaveProperty('unreadable');
    expect(routesOf(bad)).toEqual(['default', 'probe']);
  });

  it('ResponseHeaderModifier does not, and is not sent', () => {
    const filters = [
      { type: 'ResponseHeaderModifier', responseHeaderModifier: { remove: ['x'] } },
      { type: 'RequestHeaderModifier', requestHeaderModifier: { add: [{ name: 'X-A', value: 'b' }] } },
    ];
    const rules = policyAt([SERVER, route('r', { rules: [{ matches: [{}], filters }] })]).routes?.[0]?.rules.rules;
    expect(rules?.[0]?.filters).toEqual([{ type: 'RequestHeaderModifier' }]);
  });

  it('in a GRPCRoute: a regular expression for the method, and a redirect', () => {
    const grpc = (rule: object) => readGRPCRoute(route('g', { rules: [rule] }));
    expect(grpc({ matches: [{ method: { type: 'RegularExpression', service: 'a.*' } }] })).toMatchObject({
      unreadable: expect.stringContaining('unsupported GRPCRoute'),
    });
    expect(grpc({ filters: [{ type: 'RequestRedirect', requestRedirect: {} }] })).toHaveProperty('unreadable');
    expect(grpc({ matches: [{ method: { service: 'a' } }] })).not.toHaveProperty('unreadable');
  });
});

describe('the order of routes', () => {
  const matches = [{ path: { value: '/same' } }];
  it.each([
    ['the older first', { creationTimestamp: '2026-01-02T00:00:00Z' }, { creationTimestamp: '2026-01-01T00:00:00Z' }, ['b', 'a']],
    ['without a timestamp last', {}, { creationTimestamp: '2026-01-01T00:00:00Z' }, ['b', 'a']],
    ['by name where equally old', { creationTimestamp: '2026-01-01T00:00:00Z' }, { creationTimestamp: '2026-01-01T00:00:00Z' }, ['a', 'b']],
  ])('%s', (_what, a, b, order) => {
    const both = [route('b', { rules: [{ matches }] }, b), route('a', { rules: [{ matches }] }, a)];
    expect(routesOf(...both)).toEqual(order);
    expect(routesOf(...both.toReversed())).toEqual(order);
  });

  it('by group where names are the same', () => {
    const both = [route('r'), route('r', {}, {}, 'gateway.networking.k8s.io/v1')];
    for (const all of [both, both.toReversed()]) {
      const groups = policyAt([SERVER, ...all]).routes?.map((r) => r.ref.group);
      expect(groups).toEqual(['gateway.networking.k8s.io', 'policy.linkerd.io']);
    }
  });
});

it('a route that is refused leaves requests to default and the Server’s policies', () => {
  const policy = policyAt([server('backend-http', { accessPolicy: 'all-authenticated' }), { ...route('r'), status: {} }], 8080, DENY);
  expect(ask(policy)).toMatchObject({ verdict: 'allow', route: { name: 'default' } });
});
