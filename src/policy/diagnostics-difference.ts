/** Where the policy that is enforced (`linkerd diagnostics policy`) is another one than the objects declare, thing by thing. */
import { inOrder, type Json, type Rec } from './diagnostics-policy.ts';
import { showAddress } from './network.ts';
import { isObject } from './selector.ts';

export interface PolicyDifference {
  /** `Server`, `protocol`, `AuthorizationPolicy orders`, `HTTPRoute api: AuthorizationPolicy frontend`, … */
  readonly what: string;
  /** Names of the objects that it is about. */
  readonly names: readonly string[];
  /** In words; null: not there. */
  readonly declared: string | null;
  readonly enforced: string | null;
}

/** A policy of a port of a workload; `outbound`: of a Service, which says nothing of who gets in. */
export function kindOfDiagnostics(value: Json): 'inbound' | 'outbound' | 'other' {
  if (!isRec(value) || !isRec(at(value, 'protocol', 'Kind'))) return 'other';
  if (isRec(value['labels'])) return 'inbound';
  return isRec(value['metadata']) ? 'outbound' : 'other';
}

/** Both in the form of Go. Empty: they are the same, whatever the order of what has none. */
export function policyDifferences(declared: Json, enforced: Json): readonly PolicyDifference[] {
  const [ours, theirs] = [partsOf(declared), partsOf(enforced)];
  const keys = new Set([...ours.keys(), ...theirs.keys()]);
  return [...keys].flatMap((what) => {
    const [a, b] = [ours.get(what), theirs.get(what)];
    if (a?.exact === b?.exact) return [];
    const [before, after] = [a?.text ?? null, b?.text ?? null];
    // What differs and reads alike is shown as it is.
    const isAlike = before === after && a !== undefined && b !== undefined;
    return [
      {
        what,
        names: [...new Set([...(a?.names ?? []), ...(b?.names ?? [])])],
        declared: isAlike ? a.exact : before,
        enforced: isAlike ? b.exact : after,
      },
    ];
  });
}

interface Part {
  readonly text: string;
  readonly exact: string;
  readonly names: readonly string[];
}

/** Every field of the policy is in exactly one part. */
function partsOf(policy: Json): ReadonlyMap<string, Part> {
  const parts = new Map<string, Part>();
  const add = (what: string, text: string, value: Json, names: readonly string[] = []) => {
    let key = what;
    for (let n = 2; parts.has(key); n++) key = `${what} (${n})`;
    parts.set(key, { text, exact: JSON.stringify(value), names });
  };
  const { protocol = null, authorizations = [], labels = null, ...rest } = recOf(inOrder(policy));
  const { Kind: kind = null, ...protocolRest } = recOf(protocol);
  const [[name, inner] = ['', null], ...others] = Object.entries(recOf(kind));
  const {
    routes = [],
    http_routes: httpRoutes = [],
    local_rate_limit: limit,
    http_local_rate_limit: httpLimit,
    ...innerRest
  } = recOf(inner);
  add('Server', showLabels(labels), labels, namesIn(labels));
  add('protocol', showProtocol(name), [name, innerRest, others.map(([key, value]) => [key, value]), protocolRest]);
  for (const authorization of itemsOf(authorizations)) addAuthorization(add, '', authorization);
  const all = [...itemsOf(routes), ...itemsOf(httpRoutes)];
  for (const route of all) addRoute(add, route);
  if (all.length > 1) add('order of the routes', all.map(showRoute).join(', '), all.map(showRoute));
  if (limit !== undefined || httpLimit !== undefined)
    add('rate limit', showLimit(limit ?? httpLimit ?? null), [limit ?? null, httpLimit ?? null]);
  if (Object.keys(rest).length > 0) add('other fields', Object.keys(rest).join(', '), rest);
  return parts;
}

type Add = (what: string, text: string, value: Json, names?: readonly string[]) => void;

function addAuthorization(add: Add, route: string, authorization: Json): void {
  const labels = at(authorization, 'labels');
  add(`${route === '' ? '' : `${route}: `}${showLabels(labels)}`, showAuthorization(authorization), authorization, namesIn(labels));
}

function addRoute(add: Add, route: Json): void {
  const name = showRoute(route);
  const { authorizations = [], ...rest } = recOf(route);
  add(name, showRules(rest), rest, namesIn(at(route, 'metadata', 'Kind', 'Resource')));
  for (const authorization of itemsOf(authorizations)) addAuthorization(add, name, authorization);
}

const KINDS: ReadonlyMap<Json, string> = new Map([
  ['server', 'Server'],
  ['authorizationpolicy', 'AuthorizationPolicy'],
  ['serverauthorization', 'ServerAuthorization'],
]);

function showLabels(labels: Json): string {
  const { kind = '', name = '' } = recOf(labels);
  return kind === 'default' ? `default ${textOf(name)}` : `${KINDS.get(kind) ?? textOf(kind)} ${textOf(name)}`;
}

function namesIn(labels: Json): readonly string[] {
  const { kind, name } = recOf(labels);
  return typeof name === 'string' && kind !== 'default' ? [name] : [];
}

const PROTOCOLS: ReadonlyMap<string, string> = new Map([
  ['Detect', 'unknown (detected)'],
  ['Http1', 'HTTP/1'],
  ['Http2', 'HTTP/2'],
  ['Grpc', 'gRPC'],
  ['Opaque', 'opaque'],
  ['Tls', 'TLS'],
]);

function showProtocol(kind: string): string {
  return PROTOCOLS.get(kind) ?? kind;
}

function showRoute(route: Json): string {
  const kind = recOf(at(route, 'metadata', 'Kind'));
  const { kind: resource = 'route', name = '' } = recOf(kind['Resource'] ?? null);
  return kind['Resource'] === undefined ? `route ${textOf(kind['Default'] ?? null)}` : `${textOf(resource)} ${textOf(name)}`;
}

function showRules(route: Rec): string {
  const matches = itemsOf(route['rules'] ?? null).flatMap((rule) => itemsOf(at(rule, 'matches')));
  const shown = matches.map((match) => {
    const [[type, value] = ['', null]] = Object.entries(recOf(at(match, 'path', 'Kind')));
    const rpc = recOf(at(match, 'rpc'));
    if (type === '') return at(match, 'rpc') === null ? 'any' : `${textOf(rpc['service'] ?? '*')}/${textOf(rpc['method'] ?? '*')}`;
    return type === 'Prefix' ? `${textOf(value)}…` : textOf(value);
  });
  return shown.length === 0 ? 'no matches' : shown.join(', ');
}

function showAuthorization(authorization: Json): string {
  const permit = recOf(at(authorization, 'authentication', 'Permit'));
  const networks = itemsOf(at(authorization, 'networks')).map((match) => {
    const except = itemsOf(at(match, 'except')).map(showNetwork);
    return `${showNetwork(at(match, 'net'))}${except.length === 0 ? '' : ` except ${except.join(', ')}`}`;
  });
  const isEverywhere = networks.join() === '0.0.0.0/0,::/0';
  return `${showPermit(permit)}${isEverywhere ? '' : ` from ${networks.length === 0 ? 'nowhere' : networks.join(', ')}`}`;
}

function showPermit(permit: Rec): string {
  if (permit['Unauthenticated'] !== undefined) return 'anyone';
  const clients = recOf(at(permit, 'MeshTLS', 'Clients'));
  if (clients['Unauthenticated'] !== undefined) return 'anyone with mesh TLS';
  const { identities = [], suffixes = [] } = recOf(clients['Identities'] ?? null);
  const names = itemsOf(identities).map((identity) => textOf(at(identity, 'name')));
  const ends = itemsOf(suffixes).map((suffix) => ['*', ...itemsOf(at(suffix, 'parts')).map(textOf)].join('.'));
  return [...names, ...ends].join(', ') || 'nobody';
}

function showNetwork(network: Json): string {
  const { Ipv4: v4, Ipv6: v6 } = recOf(at(network, 'ip', 'Ip'));
  const length = textOf(at(network, 'prefix_len') ?? 0);
  if (v4 !== undefined) return `${showAddress({ family: 4, words: [Number(v4) >>> 0] })}/${length}`;
  const { first = 0, last = 0 } = recOf(v6 ?? null);
  return `${showAddress({ family: 6, words: [...halves(first), ...halves(last)] })}/${length}`;
}

/** Of a 64-bit number, or its digits. */
function halves(value: Json): readonly [number, number] {
  const digits = /^\d{1,20}$/.test(String(value)) ? BigInt(String(value)) : 0n;
  return [Number((digits >> 32n) & 0xffffffffn), Number(digits & 0xffffffffn)];
}

function showLimit(limit: Json): string {
  const rate = (value: Json) => textOf(at(value, 'requestsPerSecond') ?? 'none');
  return `total ${rate(at(limit, 'total'))}, per identity ${rate(at(limit, 'identity'))}`;
}

function isRec(value: Json | undefined): value is Rec {
  return isObject(value);
}

function recOf(value: Json): Rec {
  return isRec(value) ? value : {};
}

function itemsOf(value: Json): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

/** null where any step is missing. */
function at(value: Json, ...path: readonly string[]): Json {
  return path.reduce<Json>((inner, key) => (isRec(inner) && Object.hasOwn(inner, key) ? (inner[key] ?? null) : null), value);
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
