/** The client is let in by its address, and by no wider network: whoever has that address later gets in as well. */
import type { Considered } from '../policy/evaluation.ts';
import { listOf } from '../policy/reading.ts';
import { type ObjectRef, type Resource, showRef } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { findResource } from '../policy/snapshot.ts';
import { admitNodes } from './admit-nodes.ts';
import { grantByAddress } from './authorize.ts';
import { routeOf } from './authorize-on-route.ts';
import { narrowest, policiesReferring, specOf, withSpec } from './objects.ts';
import type { Candidate, Kind, Plea } from './plea.ts';

export const networkAuthentication: Kind = {
  id: 'network-authentication',
  candidates(plea) {
    if (plea.finding?.id === 'probe-not-allowed') return admitNodes.candidates(plea);
    const { clientIp } = plea.law.evaluation.connection;
    const cidr = clientIp === null ? null : narrowest(clientIp);
    if (cidr === null) return [];
    const missed = plea.law.evaluation.considered.filter(
      ({ authentication, network }) => authentication.match === 'yes' && network.match === 'no',
    );
    return [...missed.flatMap((considered) => edits(plea, considered, cidr)), ...additions(plea, cidr)];
  },
};

/** Where all but the address is right. */
function edits(plea: Plea, { authorization, network }: Considered, cidr: string): readonly Candidate[] {
  const excepted = network.match === 'no' ? (network.exceptedBy?.text ?? null) : null;
  const { object, via } = authorization;
  return [...via, ...(object === null ? [] : [object])].flatMap((ref) => {
    const resource = findResource(plea.snapshot, ref);
    const spec = resource === null ? null : withNetwork(plea, resource, cidr, excepted);
    if (resource === null || spec === null) return [];
    return [{ title: `Add ${cidr} to ${showRef(ref)}.${sharing(plea, ref)}`, changes: [{ apply: withSpec(resource, spec) }] }];
  });
}

function sharing({ snapshot }: Plea, ref: ObjectRef): string {
  const referring = ref.kind === 'NetworkAuthentication' ? policiesReferring(snapshot, ref) : [];
  return referring.length > 1 ? ` It opens all that refer to it: ${referring.map(showRef).join(', ')}.` : '';
}

/** A ServerAuthorization without networks takes those of the cluster: they are written out. null: the object lists no networks. */
function withNetwork({ snapshot }: Plea, resource: Resource, cidr: string, excepted: string | null) {
  const spec = specOf(resource);
  const add = (networks: unknown) => [...listOf(networks).filter((one) => one !== undefined), { cidr }];
  if (resource.kind === 'NetworkAuthentication') return excepted === null ? { ...spec, networks: add(spec['networks']) } : null;
  if (resource.kind !== 'ServerAuthorization' || !isObject(spec['client'])) return null;
  const { client } = spec;
  const own = isObject(client) ? client['networks'] : undefined;
  const networks = own === undefined ? snapshot.info.clusterNetworks.map(({ text }) => ({ cidr: text })) : own;
  return { ...spec, client: { ...(client as Readonly<Record<string, unknown>>), networks: add(networks) } };
}

/** A policy of its own, on the route where there is one. */
function additions(plea: Plea, cidr: string): readonly Candidate[] {
  const { server } = plea.law.evaluation.policy;
  const target = routeOf(plea) ?? server;
  const changes = target === null ? [] : grantByAddress(plea, target);
  return target === null || changes.length === 0 ? [] : [{ title: `Authorize ${cidr} on ${showRef(target)}.`, changes }];
}
