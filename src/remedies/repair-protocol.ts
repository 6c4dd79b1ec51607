/** A Server that is told the wrong protocol: its clients speak another one. */
import type { InboundRoute, ProxyProtocol } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { findResource, withChanges } from '../policy/snapshot.ts';
import { asApplied, specOf, withSpec } from './objects.ts';
import type { Asking, Candidate, Kind } from './plea.ts';

export const repairProtocol: Kind<Asking> = {
  id: 'repair-protocol',
  candidates(plea) {
    const { policy, traffic } = plea.law.evaluation;
    const server = policy.server === null ? null : findResource(plea.snapshot, policy.server);
    if (server === null) return [];
    const to = (protocol: string): Pick<Candidate, 'title' | 'changes'> => ({
      title: `Give Server ${server.metadata.namespace}/${server.metadata.name} proxyProtocol ${protocol}, which its clients speak.`,
      changes: [{ apply: withSpec(server, { ...specOf(server), proxyProtocol: protocol }) }],
    });
    if (traffic.type === 'tcp') return RAW.has(policy.protocol) ? asHttp(plea, to) : [to('opaque'), to('unknown')];
    return policy.protocol === 'http2' || policy.protocol === 'grpc' ? [to('HTTP/1'), to('unknown')] : [];
  },
};
const RAW: ReadonlySet<ProxyProtocol> = new Set(['opaque', 'tls']);

/** As soon as the proxy reads HTTP, the routes that are meant for the Server count: the client asks on one that lets it in. */
function asHttp(plea: Asking, to: (protocol: string) => Pick<Candidate, 'title' | 'changes'>): readonly Candidate[] {
  const isMeant = plea.law.excluded.some(({ reason, wouldApply }) => reason.type === 'route-policy-on-tcp' && wouldApply === 'yes');
  if (!isMeant) return [];
  const draft = to('HTTP/1');
  const next = withChanges(plea.snapshot, asApplied(plea.snapshot, draft.changes));
  const { routes } = inboundServer(next, plea.pod, plea.port);
  return (routes ?? []).filter(isOwn).map(({ ref }) => ({ ...draft, traffic: { type: 'http-on-route', route: ref } }));
}

function isOwn({ object }: InboundRoute): boolean {
  return object !== null;
}
