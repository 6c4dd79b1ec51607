/** Who may call what of a port, and by which object: the policy in force as a table. */
import { parseIdentity, serviceAccountIdentity } from '../policy/identity.ts';
import type { ClientAuthorization, InboundRoute, InboundServer, NetworkMatch } from '../policy/inbound.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import type { ClusterInfo } from '../policy/settings.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { requiredNetworks, showMatch } from '../policy/wording.ts';

/** One authorization of one route, or what becomes of requests that nothing authorizes. */
export interface WhoMay {
  /** Name of the route; `''`: whatever is asked, `other`: what no route takes. */
  readonly route: string;
  /** What the route takes, in words; empty where it is everything. */
  readonly takes: readonly string[];
  /** In words; empty: nobody. */
  readonly who: readonly string[];
  /** From where; empty: from everywhere. */
  readonly from: readonly string[];
  /** null: there is none. */
  readonly authorization: ClientAuthorization | null;
  /** What those get who are not let in, where nobody is. */
  readonly refusal: '403' | '404' | 'closed' | null;
}

export const OTHER = 'other';

/** In the order of the routes. `localhost`, which the proxy always lets in, is left out. */
export function whoMay(snapshot: Snapshot, namespace: string, policy: InboundServer): readonly WhoMay[] {
  const { authorizations, protocol } = policy;
  if (policy.rejectedByProxy !== null) return [nobody('', [], '403')];
  const routes = policy.routes ?? [];
  const rowOf = (route: string, takes: readonly string[], authorization: ClientAuthorization): WhoMay => ({
    route,
    takes,
    who: showClients(snapshot, namespace, authorization),
    from: showNetworks(snapshot.info, authorization.networks),
    authorization,
    refusal: null,
  });
  const everywhere = authorizations.map((authorization) => rowOf('', [], authorization));
  const ofRoutes = routes.flatMap((route) => {
    if (route.object === null && route.authorizations.length === 0) return [];
    const takes = takesOf(route);
    if (route.authorizations.length > 0) return route.authorizations.map((authorization) => rowOf(route.ref.name, takes, authorization));
    return authorizations.length > 0 ? [] : [nobody(route.ref.name, takes, '403')];
  });
  const isOpen = everywhere.length > 0 || routes.some(({ object }) => object !== null);
  const closed = isOpen ? [] : [nobody('', [], protocol === 'opaque' || protocol === 'tls' ? 'closed' : '403')];
  const others = routes.some(({ object }) => object !== null) && !routes.some(takesAll) ? [nobody(OTHER, [], '404')] : [];
  return [...everywhere, ...closed, ...ofRoutes, ...others];
}

function nobody(route: string, takes: readonly string[], refusal: WhoMay['refusal']): WhoMay {
  return { route, takes, who: [], from: [], authorization: null, refusal };
}

function takesOf({ hosts, rules }: InboundRoute): readonly string[] {
  const matches = rules.rules.flatMap((rule) => rule.matches.map(showMatch));
  const at = hosts.map(({ type, value }) => (type === 'exact' ? value : `*.${value}`)).join(', ');
  const taken = matches.length === 0 && rules.rules.length > 0 ? ['everything'] : matches;
  return at === '' ? taken : taken.map((match) => `${match} at ${at}`);
}

function takesAll({ hosts, rules }: InboundRoute): boolean {
  if (hosts.length > 0) return false;
  if (rules.type === 'grpc') return rules.rules.some(({ matches }) => matches.length === 0);
  return rules.rules.some(
    ({ matches }) =>
      matches.length === 0 ||
      matches.some(
        ({ path, headers, queryParams, method }) =>
          (path === null || (path.type === 'prefix' && /^\/*$/.test(path.value))) &&
          headers.length + queryParams.length === 0 &&
          method === null,
      ),
  );
}

function showClients(snapshot: Snapshot, namespace: string, { authentication }: ClientAuthorization): readonly string[] {
  if (authentication.type === 'unauthenticated') return ['anyone'];
  if (authentication.type === 'tls-unauthenticated') return ['anyone with mesh TLS'];
  const identities = authentication.identities.map((identity) => showIdentity(snapshot, namespace, identity));
  return [...identities, ...authentication.suffixes.map((suffix) => showSuffix(snapshot.info, suffix))];
}

/** `sa/frontend`, with its namespace where that is another one; an identity of elsewhere as it is written. */
function showIdentity(snapshot: Snapshot, namespace: string, identity: string): string {
  const parsed = parseIdentity(identity);
  if (parsed === null || serviceAccountIdentity(snapshot.info, parsed.namespace, parsed.serviceAccount) !== identity) return identity;
  const name = `sa/${parsed.serviceAccount}${parsed.namespace === namespace ? '' : `.${parsed.namespace}`}`;
  return hasServiceAccount(snapshot, parsed.namespace, parsed.serviceAccount) === false ? `${name} (no such ServiceAccount)` : name;
}

function showSuffix(info: ClusterInfo, suffix: string): string {
  if (suffix === '') return 'any mesh identity';
  const namespace = suffix.slice(1, suffix.indexOf('.', 1));
  return suffix === `.${namespace}.serviceaccount.identity.${info.controlPlaneNamespace}.${info.identityTrustDomain}`
    ? `every sa of ${namespace}`
    : `*${suffix}`;
}

function showNetworks({ clusterNetworks }: ClusterInfo, networks: readonly NetworkMatch[]): readonly string[] {
  const texts = networks.map(({ net, except }) => (except.length === 0 ? net.text : ''));
  if (['0.0.0.0/0', '::/0'].every((all) => texts.includes(all))) return [];
  if (texts.join() === clusterNetworks.map(({ text }) => text).join()) return ['the cluster’s networks'];
  return requiredNetworks({ networks } as ClientAuthorization);
}
