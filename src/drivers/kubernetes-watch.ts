/** The changes of a kind as they happen. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
import { readStored } from '../manifests/stored.ts';
import type { Resource } from '../policy/resource.ts';
import { type KubernetesClient, pathOf } from './kubernetes-client.ts';
import { connectionFault, refusalOf } from './kubernetes-faults.ts';
import { nameOfKind, type WatchedKind } from './kubernetes-kinds.ts';
import { linesOf, textOf } from './kubernetes-lines.ts';
import { apiVersionOf, notKubernetes, selectionOf } from './kubernetes-list.ts';

export type WatchEvent =
  /** The server has taken up the watch. */
  | { readonly type: 'open'; readonly resourceVersion: string }
  | { readonly type: 'applied' | 'deleted'; readonly resource: Resource; readonly resourceVersion: string }
  /** Nothing changed until there. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string };

export interface WatchOptions {
  readonly version: string;
  readonly resourceVersion: string;
  readonly signal: AbortSignal;
  /** Seconds after which the server is to end it. */
  readonly seconds: number;
  /** Milliseconds of silence after which it counts as dead; a server sends a bookmark every minute. */
  readonly idle: number;
}

const MOST_LINE = 32 * 2 ** 20;
const MOST_REFUSAL = 2 ** 20;

/** Ends when the server ends it, or has been silent for too long. Errors: Unavailable; KubernetesRefusal with 410: the kind must be listed anew. */
export async function* watchKind(client: KubernetesClient, kind: WatchedKind, options: WatchOptions): AsyncGenerator<WatchEvent> {
  const { version, resourceVersion, seconds, idle } = options;
  const silence = new AbortController();
  const signal = AbortSignal.any([options.signal, silence.signal]);
  const timer = setTimeout(() => silence.abort(), idle);
  const query = {
    ...selectionOf(kind),
    watch: '1',
    allowWatchBookmarks: 'true',
    resourceVersion,
    timeoutSeconds: String(Math.round(seconds)),
  };
  try {
    const { status, body } = await client.get(pathOf(kind.group, version, '', kind.resource), { query, signal });
    if (status !== 200) throw refusalOf(status, await textOf(body, MOST_REFUSAL, client.place), nameOfKind(kind), client.place);
    yield { type: 'open', resourceVersion };
    for await (const line of linesOf(body, MOST_LINE, client.place)) {
      timer.refresh();
      const event = eventOf(line, kind, version, client.place);
      if (event !== null) yield event;
    }
  } catch (error) {
    if (silence.signal.aborted && !options.signal.aborted) return;
    throw connectionFault(error, client.place, idle);
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

interface Fields {
  readonly type?: unknown;
  readonly object?: { readonly metadata?: { readonly resourceVersion?: unknown }; readonly code?: unknown } | null;
}

/** null: an object that nothing here reads. */
function eventOf(line: string, kind: WatchedKind, version: string, place: string): WatchEvent | null {
  const { type, object } = parsed(line, kind, place);
  if (type === 'ERROR')
    throw refusalOf(typeof object?.code === 'number' ? object.code : 500, JSON.stringify(object), nameOfKind(kind), place);
  const resourceVersion = String(object?.metadata?.resourceVersion ?? '');
  if (type === 'BOOKMARK') return { type: 'bookmark', resourceVersion };
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') throw notKubernetes(place, nameOfKind(kind));
  const resource = read(object, kind, version, place);
  return resource === null ? null : { type: type === 'DELETED' ? 'deleted' : 'applied', resource, resourceVersion };
}

function parsed(line: string, kind: WatchedKind, place: string): Fields {
  try {
    return (JSON.parse(line) ?? {}) as Fields;
  } catch {
    throw notKubernetes(place, nameOfKind(kind));
  }
}

function read(object: unknown, kind: WatchedKind, version: string, place: string): Resource | null {
  try {
    return readStored(object, { apiVersion: apiVersionOf(kind, version), kind: kind.kind });
  } catch {
    throw notKubernetes(place, nameOfKind(kind));
  }
}
