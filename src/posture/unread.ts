/** What a judgement rests on and was not read: rights may cover one namespace, or leave out a kind. */
import type { Judgement, PostureFacts, PracticeId } from './practice.ts';

/** `isEverywhere`: objects of other namespaces decide too. */
interface Need {
  readonly resource: string;
  readonly isEverywhere: boolean;
  /** What is not known without them. */
  readonly what: string;
}

const here = (resource: string, what: string): Need => ({ resource, isEverywhere: false, what });
const everywhere = (resource: string, what: string): Need => ({ resource, isEverywhere: true, what });

const SERVERS = here('servers.policy.linkerd.io', 'which Server takes a port');
const GRANTS = [
  here('authorizationpolicies.policy.linkerd.io', 'who is granted what'),
  here('serverauthorizations.policy.linkerd.io', 'who is granted what'),
  here('meshtlsauthentications.policy.linkerd.io', 'which identities are meant'),
  here('networkauthentications.policy.linkerd.io', 'which addresses are meant'),
];
const ROUTES = [
  here('httproutes.policy.linkerd.io', 'what stands on routes'),
  here('httproutes.gateway.networking.k8s.io', 'what stands on routes'),
];
const NETWORK = here('networkpolicies.networking.k8s.io', 'what NetworkPolicy refuses');
const NAMESPACES = (what: string) => everywhere('namespaces', what);
const PODS = (what: string) => everywhere('pods', what);

const NEEDS: Readonly<Record<PracticeId, readonly Need[]>> = {
  'default-deny': [NAMESPACES('what the annotations of the namespace give to new pods')],
  'ports-covered': [SERVERS],
  'own-service-account': [here('pods', 'which other workloads run as it')],
  'network-layered': [
    SERVERS,
    ...GRANTS,
    NETWORK,
    NAMESPACES('whom a namespaceSelector takes'),
    everywhere('daemonsets.apps', 'which network plugin runs'),
  ],
  'probes-and-scrapes': [SERVERS, ...GRANTS, ...ROUTES, NETWORK, PODS('who scrapes from there')],
  'denials-observable': [],
  'grants-used': [...GRANTS, ...ROUTES],
  'audit-ended': [SERVERS],
  'changes-staged': [PODS('who of them was shut out')],
  'policies-documented': [SERVERS, GRANTS[0] as Need, NETWORK, NAMESPACES('whose the namespace is')],
  'labels-consistent': [SERVERS, NETWORK, here('deployments.apps', 'the labels of new pods')],
};

/** Each that some practice rests on. */
export const NEEDED_RESOURCES: readonly string[] = [
  ...new Set(Object.values(NEEDS).flatMap((needs) => needs.map(({ resource }) => resource))),
];

/** With what was not read as `lacking`: what seemed to hold is then not known. */
export function withUnread(
  id: PracticeId,
  namespace: string,
  judgements: readonly Judgement[],
  { unread }: PostureFacts,
): readonly Judgement[] {
  if (unread.size === 0) return judgements;
  const lacking = NEEDS[id].flatMap(({ resource, isEverywhere, what }) => {
    const read = unread.get(resource);
    if (read === undefined || (read === namespace && !isEverywhere)) return [];
    return [`${what}: ${resource}${read === namespace ? ' of other namespaces' : ''} were not read, which takes the right to list them`];
  });
  if (lacking.length === 0) return judgements;
  return judgements.map((judgement) => ({
    ...judgement,
    state: judgement.state === 'holds' ? 'unknown' : judgement.state,
    lacking: [...judgement.lacking, ...lacking],
  }));
}
