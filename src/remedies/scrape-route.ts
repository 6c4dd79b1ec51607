/** Prometheus is let in on /metrics of the proxy's admin port, and the kubelet stays let in on its probes. */
import { POLICY_GROUP } from '../policy/authorization-policy.ts';
import type { Traffic } from '../policy/evaluation.ts';
import type { ObjectRef } from '../policy/resource.ts';
import { refOf } from '../policy/resource.ts';
import type { ObjectChange } from '../policy/snapshot.ts';
import { grantByAddress, grantByIdentity } from './authorize.ts';
import { routeOf } from './authorize-on-route.ts';
import { freeName, made } from './objects.ts';
import type { Candidate, Kind, Plea } from './plea.ts';
import { routeForProbes } from './probe-route.ts';
import { newServer } from './server-for-port.ts';

/** What Prometheus asks, whether the log tells it or not. */
const SCRAPE: Traffic = {
  type: 'http',
  request: { version: 'HTTP/1.1', method: 'GET', authority: null, path: '/metrics', headers: [], grpc: false },
};
const PROXY_PROBES = ['/live', '/ready'];

export const scrapeRoute: Kind = {
  id: 'scrape-route',
  candidates(plea) {
    if (!plea.denied.target.admin) return [];
    const route = routeOf(plea);
    if (route !== null) return titled(grantOn(plea, route), 'Let Prometheus in on the route of /metrics.');
    const server = newServer(plea);
    if (server === null) return [];
    const ref = refOf(server);
    const isOpen = plea.law.evaluation.policy.defaultPolicy.policy !== 'deny';
    const whole = [{ apply: server }, ...metricsRoute(plea, ref), ...probesOf(plea, ref), ...(isOpen ? otherRoute(plea, ref) : [])];
    return titled(whole, 'Let Prometheus in on /metrics of the proxy, and the kubelet on its probes, by a Server for port linkerd-admin.');
  },
};

function titled(changes: readonly ObjectChange[], title: string): readonly Candidate[] {
  return changes.length === 0 ? [] : [{ title, changes, traffic: SCRAPE }];
}

function grantOn(plea: Plea, target: ObjectRef): readonly ObjectChange[] {
  const byIdentity = grantByIdentity(plea, target);
  return byIdentity.length > 0 ? byIdentity : grantByAddress(plea, target);
}

function metricsRoute(plea: Plea, server: ObjectRef): readonly ObjectChange[] {
  const route = routeOn(plea, server, 'metrics', { path: { type: 'Exact', value: '/metrics' }, method: 'GET' });
  return [{ apply: route }, ...grantOn(plea, refOf(route))];
}

/** What the default policy allows today of the other paths goes on: the Server's accessPolicy stands for it. */
function otherRoute(plea: Plea, server: ObjectRef): readonly ObjectChange[] {
  return [{ apply: routeOn(plea, server, 'other', { path: { type: 'PathPrefix', value: '/' } }) }];
}

function routeOn({ snapshot }: Plea, { namespace, name }: ObjectRef, what: string, match: Readonly<Record<string, unknown>>) {
  const parentRefs = [{ group: POLICY_GROUP, kind: 'Server', name }];
  return made('HTTPRoute', namespace, freeName(snapshot, 'HTTPRoute', namespace, name, what), {
    parentRefs,
    rules: [{ matches: [match] }],
  });
}

function probesOf({ snapshot, pod, port }: Plea, server: ObjectRef): readonly ObjectChange[] {
  return routeForProbes(snapshot, pod, port, server, PROXY_PROBES);
}
