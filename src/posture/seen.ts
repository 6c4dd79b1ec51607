/** What was seen on each port of each pod. */
import { memo } from '../policy/memo.ts';
import type { Workload } from '../policy/workload.ts';
import type { SeenTraffic } from './practice.ts';

export type SeenAt = (pod: Workload, port: number) => readonly SeenTraffic[];

/** Made once for the traffic; pods are those that it names. */
export const seenIn = memo((traffic: readonly SeenTraffic[]): SeenAt => {
  const seen = new Map<Workload, Map<number, SeenTraffic[]>>();
  for (const one of traffic) {
    const { server, port } = one.recorded;
    const ports = seen.get(server) ?? new Map<number, SeenTraffic[]>();
    seen.set(server, ports);
    const known = ports.get(port);
    if (known === undefined) ports.set(port, [one]);
    else known.push(one);
  }
  return (pod, port) => seen.get(pod)?.get(port) ?? [];
});
