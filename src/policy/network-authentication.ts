/** `NetworkAuthentication` (linkerd2 `policy-controller/k8s/index/src/inbound/network_authentication.rs`). */
import type { NetworkMatch } from './inbound.ts';
import { type Network, parseNetwork } from './network.ts';
import { listOf, type Unreadable } from './reading.ts';
import type { Resource } from './resource.ts';
import { isObject } from './selector.ts';

export interface NetworkAuthentication {
  readonly networks: readonly NetworkMatch[];
}

export function readNetworkAuthentication(resource: Resource): NetworkAuthentication | Unreadable {
  const networks = readNetworks(isObject(resource.spec) ? resource.spec['networks'] : null);
  if ('unreadable' in networks) return networks;
  if (networks.length === 0) return { unreadable: 'No networks configured' };
  return { networks };
}

/** `[{cidr, except}]`, where each may be a CIDR or a bare address. */
export function readNetworks(value: unknown): readonly NetworkMatch[] | Unreadable {
  const out: NetworkMatch[] = [];
  for (const entry of listOf(value)) {
    const cidr = isObject(entry) ? entry['cidr'] : null;
    const net = typeof cidr === 'string' ? parseNetwork(cidr) : null;
    if (net === null || !isObject(entry)) return { unreadable: `${JSON.stringify(cidr)} is not a CIDR` };
    const except: Network[] = [];
    for (const text of listOf(entry['except'])) {
      const e = typeof text === 'string' ? parseNetwork(text) : null;
      if (e === null) return { unreadable: `${JSON.stringify(text)} is not a CIDR` };
      except.push(e);
    }
    out.push({ net, except });
  }
  return out;
}
