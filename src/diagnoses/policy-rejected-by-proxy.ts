/** Row 45: the proxy cannot use the policy that it was sent, and falls back to one that refuses everyone. */
import type { InboundRoute, InboundServer, Labels } from '../policy/inbound.ts';
import { type ObjectRef, showRef } from '../policy/resource.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted, toldBy } from './drafting.ts';

/** `srv_name` of what a proxy puts in the place of a policy that it cannot use (linkerd2-proxy `linkerd/proxy/server-policy/src/lib.rs`). */
const INVALID = { kind: 'default', name: 'invalid' };

export const policyRejectedByProxy: Diagnosis = {
  id: 'policy-rejected-by-proxy',
  title: 'the proxy cannot use the policy that it was sent',
  denied(denied) {
    const { target, law } = denied;
    const policy = law?.agrees === true && law.evaluation.policy.rejectedByProxy !== null ? law.evaluation.policy : null;
    if (!isInvalid(target.server) && policy === null) return null;
    const faulty = policy === null ? [] : faultyParts(policy);
    const draft = drafted(
      denied,
      {
        certainty: policy === null ? 'likely' : 'certain',
        removal: policy === null ? 'unknown' : 'allows',
        ...(policy === null ? { summary: SUMMARY } : {}),
        todo: todoOf(faulty),
        remedies: faulty.length === 0 ? ['restart-pods'] : ['repair-route'],
      },
      policy === null ? [] : faulty,
    );
    return { ...draft, evidence: [...draft.evidence, ...toldBy(denied, 'server-misconfigured')] };
  },
};

const SUMMARY = 'The proxy could not use the policy it was sent, and refuses everyone.';

function isInvalid(server: Labels | null): boolean {
  return server !== null && server.kind === INVALID.kind && server.name === INVALID.name;
}

function todoOf([first]: readonly ObjectRef[]): string {
  if (first === undefined)
    return 'Read what the proxy says beside it: Server misconfigured. Where the objects are right, its version is older than the control plane’s: restart the pod, so that it gets the proxy that belongs to it.';
  if (first.kind === 'GRPCRoute')
    return `In ${showRef(first)} let each match that asks for headers name a method (its service is enough). Until then everyone is refused, on every route of the Server, 127.0.0.1 too.`;
  return `Correct ${showRef(first)}. Until then everyone is refused, 127.0.0.1 too.`;
}

/** The routes (or authorizations) for which the proxy refuses the whole. */
function faultyParts({ routes, authorizations }: InboundServer): readonly ObjectRef[] {
  const faulty = [...(routes ?? []).filter(isFaulty), ...authorizations.filter(({ networks }) => networks.length === 0)];
  return faulty.flatMap(({ object }) => object ?? []);
}

function isFaulty({ rules }: InboundRoute): boolean {
  return rules.type === 'grpc'
    ? rules.rules.some(({ matches }) => matches.some(({ rpc }) => rpc === null))
    : rules.rules.some(({ matches }) => matches.some(({ queryParams }) => queryParams.some(({ name }) => name === '')));
}
