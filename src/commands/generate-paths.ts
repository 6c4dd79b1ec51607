/** From the requests that were seen to the matches of routes: paths as they are, and a prefix where they differ by what only one request has. */
import { METHODS } from '../policy/methods.ts';

/** Requests of one client by one method for one path, without query. */
export interface SeenRequest {
  readonly client: string;
  readonly method: string;
  readonly path: string;
  readonly count: number;
}

export interface PathMatch {
  readonly method: string;
  readonly type: 'Exact' | 'PathPrefix';
  readonly value: string;
  /** How many different paths it stands for. */
  readonly paths: number;
  /** Those who were seen there, and how often. */
  readonly clients: ReadonlyMap<string, number>;
}

/** A node of the tree of paths, by segments. */
interface Node {
  readonly children: Map<string, Node>;
  readonly clients: Map<string, number>;
}

/** More children than these are taken for what only one request has. */
const MOST_CHILDREN = 16;

/** Every request is taken by exactly one match, by that which the proxy would choose: the longest. */
export function pathMatches(requests: readonly SeenRequest[]): readonly PathMatch[] {
  const byMethod = Map.groupBy(requests, ({ method }) => method);
  return [...byMethod]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([method, own]) => matchesBelow(treeOf(own), '').map((match) => ({ method, ...match })));
}

/** Whether an HTTPRoute can name it. */
export function isNameable({ method, path }: Pick<SeenRequest, 'method' | 'path'>): boolean {
  return (METHODS as readonly string[]).includes(method) && path.length <= 1024 && PATH.test(path) && !UNCLEAN.test(path);
}
const PATH = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*$/;
/** What Gateway API's own rules refuse, and what servers read in more than one way. */
const UNCLEAN = /\/\/|\/\.{1,2}(?:\/|$)|%(?![0-9A-Fa-f]{2})|%2[Ff]|%2[Ee]|%5[Cc]|%00/;

function treeOf(requests: readonly SeenRequest[]): Node {
  const root = node();
  for (const { path, client, count } of requests) {
    let at = root;
    for (const segment of path === '/' ? [] : path.slice(1).split('/')) at = childOf(at, segment);
    at.clients.set(client, (at.clients.get(client) ?? 0) + count);
  }
  return root;
}

function node(): Node {
  return { children: new Map(), clients: new Map() };
}

function childOf({ children }: Node, segment: string): Node {
  const known = children.get(segment) ?? node();
  children.set(segment, known);
  return known;
}

type Match = Omit<PathMatch, 'method'>;

/** `path` is the node's own, without a slash at its end; empty: the root. */
function matchesBelow(at: Node, path: string): readonly Match[] {
  const lasting = [...at.children].filter(([segment]) => !isPassing(segment));
  const isCrowded = lasting.length > MOST_CHILDREN;
  const named = isCrowded ? [] : lasting.toSorted(([a], [b]) => (a < b ? -1 : 1));
  const others = [...at.children.values()].filter((child) => !named.some(([, one]) => one === child));
  const below = named.flatMap(([segment, child]) => matchesBelow(child, `${path}/${segment}`));
  const value = path === '' ? '/' : path;
  if (others.length > 0) return [{ type: 'PathPrefix', value, ...together([{ ...at, children: new Map() }, ...others]) }, ...below];
  return at.clients.size === 0 ? below : [{ type: 'Exact', value, paths: 1, clients: at.clients }, ...below];
}

/** Numbers, hashes and UUIDs: the next request has another. */
function isPassing(segment: string): boolean {
  return /^\d+$/.test(segment) || /^(?=.*\d)[0-9a-fA-F-]{8,}$/.test(segment) || (segment.length >= 20 && /\d/.test(segment));
}

function together(nodes: readonly Node[]): Pick<PathMatch, 'paths' | 'clients'> {
  const clients = new Map<string, number>();
  const left = [...nodes];
  let paths = 0;
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (next.clients.size > 0) paths++;
    for (const [client, count] of next.clients) clients.set(client, (clients.get(client) ?? 0) + count);
    left.push(...next.children.values());
  }
  return { paths, clients };
}
