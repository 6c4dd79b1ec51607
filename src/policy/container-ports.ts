/** Declared ports of one container (linkerd2 `policy-controller/k8s/api/src/…/pod.rs`). */
import { listOf, stringOr } from './reading.ts';
import { isObject } from './selector.ts';

export interface NamedPort {
  readonly name: string | null;
  readonly port: number;
}

/** Every TCP port that it declares. `field`: where an item holds its number. */
export function tcpPorts(container: Readonly<Record<string, unknown>>, field = 'containerPort'): readonly NamedPort[] {
  const out: NamedPort[] = [];
  for (const p of listOf(container['ports'])) {
    if (!isObject(p) || stringOr(p['protocol'], 'TCP').toUpperCase() !== 'TCP') continue;
    const port = p[field];
    if (typeof port === 'number' && port >= 1 && port <= 65535) out.push({ name: stringOr(p['name'], null), port });
  }
  return out;
}
