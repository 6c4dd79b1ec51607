/** Names as the window shows them. */
import type { Shapes } from './api-types.ts';
import type { Label, Ref, Verdict } from './explanation.ts';

type Incident = Shapes['Incident'];

const KINDS: Readonly<Record<string, string>> = {
  'http-denied': 'requests denied',
  'tcp-denied': 'connections denied',
  terminated: 'connections ended by a change of policy',
  'route-not-found': 'requests without a route',
  'rate-limited': 'requests over the rate limit',
  'audit-allowed': 'allowed by audit only',
  'admin-denied': "denied at the proxy's own port",
  'refused-before-policy': 'refused before policy',
  'connect-failed': 'connects that failed',
  'remote-proxy-error': 'refused by the other side',
  'scrape-refused': 'scrapes refused',
  'scrape-failed': 'scrapes that failed',
  'probe-failing': 'probes that fail',
  'request-failed': 'requests that failed',
};

/** `requests denied`; a kind without words of its own as it is. */
export function kindWords(kind: string | null): string {
  return kind === null ? 'not seen yet' : (KINDS[kind] ?? kind.replaceAll('-', ' '));
}

/** `backend:8080`. */
export function serverName({ workload, port }: Pick<Incident, 'workload' | 'port'>): string {
  return `${workload?.name ?? 'unknown workload'}${port === null ? '' : `:${port}`}`;
}

/** `production / backend-http / backend-routes`. */
export function placeOf({ namespace, server, route }: Pick<Incident, 'namespace' | 'server' | 'route'>): string {
  return [namespace, server === null ? null : labelName(server), route === null || route.kind === 'default' ? null : labelName(route)]
    .filter((part) => part !== null)
    .join(' / ');
}

export function labelName({ kind, name }: Label): string {
  return kind === 'default' ? `default:${name}` : name;
}

/** `MeshTLSAuthentication production/frontend-mtls`. */
export function refName({ kind, namespace, name }: Pick<Ref, 'kind' | 'namespace' | 'name'>): string {
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;
}

/** A client's key as its incident's sentence names it: `security/Deployment/scanner`, or an identity of a ServiceAccount, is `security/scanner`. */
export function clientName(key: string): string {
  const [, account, namespace] = /^([^./]+)\.([^./]+)\.serviceaccount\.identity\./.exec(key) ?? [];
  if (account !== undefined) return `${namespace}/${account}`;
  return key.replace(/^([^/]+)\/[^/]+\/([^/]+)$/, '$1/$2');
}

export const VERDICTS: Readonly<Record<Verdict, string>> = {
  fix: 'Fix',
  decide: 'Decide',
  'do-not-allow': 'Do not allow',
  'needs-evidence': 'Needs evidence',
  'nothing-to-do': 'Nothing to do',
};

export function count(n: number, one: string, more = `${one}s`): string {
  return `${n.toLocaleString('en-US')} ${n === 1 ? one : more}`;
}
