/** A Server that misses the port by a name, or the pod by a label. */
import { isSlip } from '../diagnoses/near-name.ts';
import type { NearServer } from '../policy/excluded.ts';
import type { Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { findResource } from '../policy/snapshot.ts';
import { specOf, withSpec } from './objects.ts';
import type { Candidate, Kind, Plea } from './plea.ts';

export const repairSelector: Kind = {
  id: 'repair-selector',
  candidates(plea) {
    return plea.law.nearServers.flatMap((near) => {
      const server = findResource(plea.snapshot, near.server);
      return server === null ? [] : repairsOf(plea, server, near);
    });
  },
};

function repairsOf(plea: Plea, server: Resource, { why }: NearServer): readonly Candidate[] {
  const title = `Let Server ${server.metadata.namespace}/${server.metadata.name}`;
  if (why.type === 'port-name') return portRepairs(plea, server, why.port, title);
  return why.type === 'selector' ? labelRepairs(plea, server, title) : [];
}

/** By the container port’s name, the most alike first; without one by its number. */
function portRepairs({ pod, port }: Plea, server: Resource, wrong: string, title: string): readonly Candidate[] {
  const names = [...pod.portNames].flatMap(([name, ports]) => (ports.includes(port) ? [name] : []));
  const wanted = [...names.toSorted((a, b) => Number(isSlip(b, wrong)) - Number(isSlip(a, wrong))), ...(names.length === 0 ? [port] : [])];
  return wanted.map((right) => ({
    title: `${title} take port ${right}, which the pod has.`,
    changes: [{ apply: withSpec(server, { ...specOf(server), port: right }) }],
  }));
}

/** Labels whose value differs get the pod’s. */
function labelRepairs({ pod }: Plea, server: Resource, title: string): readonly Candidate[] {
  const spec = specOf(server);
  const selector = isObject(spec['podSelector']) ? spec['podSelector'] : {};
  const wrong = isObject(selector['matchLabels']) ? Object.entries(selector['matchLabels']) : [];
  const right = wrong.map(([key, value]): readonly [string, unknown] => [key, Object.hasOwn(pod.labels, key) ? pod.labels[key] : value]);
  const changed = right.filter(([, value], i) => value !== wrong[i]?.[1]);
  if (changed.length === 0) return [];
  return [
    {
      title: `${title} select ${changed.map(([key, value]) => `${key}=${String(value)}`).join(', ')}, as the pod is labelled.`,
      changes: [{ apply: withSpec(server, { ...spec, podSelector: { ...selector, matchLabels: Object.fromEntries(right) } }) }],
    },
  ];
}
