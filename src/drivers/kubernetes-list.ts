/** All objects of a kind, a page at a time. https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks */
import { Unavailable } from '../errors.ts';
import { readStored } from '../manifests/stored.ts';
import type { Resource } from '../policy/resource.ts';
import { type KubernetesClient, pathOf } from './kubernetes-client.ts';
import { connectionFault, KubernetesRefusal, refusalOf } from './kubernetes-faults.ts';
import { nameOfKind, type WatchedKind } from './kubernetes-kinds.ts';
import { textOf } from './kubernetes-lines.ts';

export interface Listed {
  readonly version: string;
  /** Where a watch goes on from. */
  readonly resourceVersion: string;
  readonly resources: readonly Resource[];
}

export interface ListOptions {
  readonly signal: AbortSignal;
  /** null: in all namespaces. */
  readonly namespace?: string | null;
}

/** Large enough for few requests, small enough that what is parsed of a page is gone before the next one comes. */
const PAGE = 100;
const MOST_PAGE = 256 * 2 ** 20;
/** How often a list is begun again whose later pages are no longer to be had; then it is asked for as a whole. */
const MOST_RESTARTS = 3;

/** null: no version of the kind is served. Errors: Unavailable. */
export async function listKind(client: KubernetesClient, kind: WatchedKind, options: ListOptions): Promise<Listed | null> {
  for (const version of kind.versions) {
    try {
      return await listVersion(client, kind, version, options);
    } catch (error) {
      if (!(error instanceof KubernetesRefusal && error.status === 404)) throw error;
    }
  }
  return null;
}

async function listVersion(client: KubernetesClient, kind: WatchedKind, version: string, options: ListOptions): Promise<Listed> {
  for (let attempt = 0; ; attempt++) {
    const resources: Resource[] = [];
    let rest = '';
    try {
      do {
        const page = await readPage(client, kind, version, options, { rest, limit: attempt < MOST_RESTARTS ? PAGE : null });
        for (const resource of page.resources) resources.push(resource);
        rest = page.rest;
        if (rest === '') return { version, resourceVersion: page.resourceVersion, resources };
      } while (rest !== '');
    } catch (error) {
      const isGone = error instanceof KubernetesRefusal && error.status === 410 && rest !== '';
      if (!isGone || attempt >= MOST_RESTARTS) throw error;
    }
  }
}

interface Page {
  readonly resources: readonly Resource[];
  readonly resourceVersion: string;
  /** Token of the next page; empty: this was the last. */
  readonly rest: string;
}

async function readPage(
  client: KubernetesClient,
  kind: WatchedKind,
  version: string,
  { signal, namespace = null }: ListOptions,
  { rest, limit }: { readonly rest: string; readonly limit: number | null },
): Promise<Page> {
  const query = {
    ...selectionOf(kind),
    ...(limit === null ? {} : { limit: String(limit) }),
    ...(rest === '' ? {} : { continue: rest }),
  };
  const { status, body } = await client.get(pathOf(kind.group, version, namespace ?? '', kind.resource), { query, signal });
  const text = await textOf(body, MOST_PAGE, client.place).catch((error: unknown) => {
    throw connectionFault(error, client.place, 0);
  });
  if (status !== 200) throw refusalOf(status, text, nameOfKind(kind), client.place);
  return pageOf(text, apiVersionOf(kind, version), kind, client.place);
}

function pageOf(text: string, apiVersion: string, kind: WatchedKind, place: string): Page {
  try {
    const { metadata, items } = JSON.parse(text) as {
      readonly metadata?: { readonly resourceVersion?: unknown; readonly continue?: unknown };
      readonly items?: unknown;
    };
    if (!Array.isArray(items) && items !== null) throw new TypeError('no list');
    return {
      resources: (items ?? []).flatMap((item: unknown) => readStored(item, { apiVersion, kind: kind.kind }) ?? []),
      resourceVersion: String(metadata?.resourceVersion ?? ''),
      rest: String(metadata?.continue ?? ''),
    };
  } catch {
    throw notKubernetes(place, nameOfKind(kind));
  }
}

/** Parameters by which only the objects that are meant are given. RBAC rules with `resourceNames` allow exactly this. */
export function selectionOf({ name }: WatchedKind): Readonly<Record<string, string>> {
  return name === null ? {} : { fieldSelector: `metadata.name=${name}` };
}

export function apiVersionOf({ group }: WatchedKind, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

export function notKubernetes(place: string, what: string): Unavailable {
  return new Unavailable(
    `${place} answered with something else than ${what}.`,
    'Is this an API server? A login page or a proxy may stand between.',
  );
}
