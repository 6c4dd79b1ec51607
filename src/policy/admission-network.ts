/** Networks in specs, as admission reads and judges them (linkerd2 `policy-controller/k8s/api/src/policy/network.rs`). */
import { containsNetwork, type Network, parseNetwork, showAddress } from './network.ts';
import { cannotParse, refuse } from './refusal.ts';
import { type Decoder, list, optional, required, struct } from './serde.ts';

interface Cidr {
  readonly network: Network;
  /** As Linkerd prints it: a bare address without a length. */
  readonly text: string;
}

const cidr: Decoder<Cidr> = (value) => {
  const text = typeof value === 'string' ? value : '';
  const network = parseNetwork(text);
  if (network === null) return cannotParse('data did not match any variant of untagged enum Cidr');
  return { network, text: text.includes('/') ? network.text : showAddress(network.address) };
};

const network = struct('Network', { cidr: required(cidr), except: optional(list(cidr)) });

export const networks = list(network);

/** An exception must lie inside its network and leave something of it. */
export function checkNetworks(checked: readonly ReturnType<typeof network>[]): void {
  for (const net of checked) {
    for (const except of net.except ?? []) {
      if (containsNetwork(except.network, net.cidr.network)) {
        refuse(`cidr '${net.cidr.text}' is completely negated by exception '${except.text}'`);
      }
      if (!containsNetwork(net.cidr.network, except.network)) {
        refuse(`cidr '${net.cidr.text}' does not include exception '${except.text}'`);
      }
    }
  }
}

/** `networks` of a NetworkAuthentication or EgressNetwork. */
export function checkSomeNetworks(checked: readonly ReturnType<typeof network>[]): void {
  if (checked.length === 0) refuse('at least one network must be specified');
  checkNetworks(checked);
}
