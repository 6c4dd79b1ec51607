/** A cluster as it is now, by one list of each kind: for a question of a person. What goes on in it is watched by another driver. */
import { Unavailable } from '../errors.ts';
import { readObject } from '../manifests/object.ts';
import { createNoticeBook, showOrigin } from '../manifests/place.ts';
import { keptOf } from '../policy/kept.ts';
import type { Resource } from '../policy/resource.ts';
import type { Cluster, Notice } from '../ports.ts';
import { getJson, type KubernetesClient, pathOf } from './kubernetes-client.ts';
import { KubernetesRefusal } from './kubernetes-faults.ts';
import { nameOfKind, WATCHED_KINDS, type WatchedKind } from './kubernetes-kinds.ts';
import { fields } from './upstream-json.ts';

const PAGE = '500';
const MOST_PAGES = 2000;
/** Of a list that changed too much while it was read. */
const ATTEMPTS = 3;

/**
 * `namespace`: what is read of a kind where the whole cluster may not be. A kind that cannot be read becomes a notice, and the others are read.
 * Errors of `read`: Unavailable, where not one kind can be read.
 */
export function createClusterList(client: KubernetesClient, namespace: string): Cluster {
  return {
    async read() {
      const lists = await Promise.all(LISTED.map((kind) => listKind(client, kind, namespace)));
      const faults = lists.flatMap(({ fault }) => (fault === null ? [] : [fault]));
      if (faults.length === LISTED.length && faults[0] !== undefined) throw faults[0];
      const changes = lists.flatMap(({ resources }) => resources.map((resource) => ({ at: null, type: 'applied' as const, resource })));
      return { changes, files: new Map(), notices: lists.flatMap(({ notices }) => notices), isHistory: false };
    },
  };
}

/** Where an alert comes from and which addresses a Service has says nothing of why a request was denied. */
const LEFT_OUT: ReadonlySet<string> = new Set(['EndpointSlice', 'PrometheusRule', 'Alertmanager', 'Prometheus']);
const LISTED = WATCHED_KINDS.filter(({ kind }) => !LEFT_OUT.has(kind));
/** Where Linkerd's settings are if not every namespace may be read. */
const CONTROL_PLANE = 'linkerd';

interface Listed {
  readonly resources: readonly Resource[];
  readonly notices: readonly Notice[];
  /** null: it was read, as far as it is there. */
  readonly fault: Unavailable | null;
}

async function listKind(client: KubernetesClient, kind: WatchedKind, namespace: string): Promise<Listed> {
  const { isNamespaced } = kind;
  const resource = nameOfKind(kind);
  try {
    return { ...(await listServed(client, kind, '')), fault: null };
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    const isRefused = error instanceof KubernetesRefusal && error.status === 403;
    if (!isRefused || !isNamespaced)
      return { resources: [], notices: [{ where: resource, message: `${error.message} ${error.remedy}` }], fault: error };
  }
  const within = kind.name === 'linkerd-config' ? CONTROL_PLANE : namespace;
  try {
    const { resources, notices } = await listServed(client, kind, within);
    const message = `Only those of namespace ${within} may be read (403 for the whole cluster): others are not known.`;
    return { resources, notices: [...notices, { where: resource, message }], fault: null };
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return { resources: [], notices: [{ where: resource, message: `${error.message} ${error.remedy}` }], fault: error };
  }
}

type Read = Pick<Listed, 'resources' | 'notices'>;

/** In the first version that the cluster serves. */
async function listServed(client: KubernetesClient, kind: WatchedKind, namespace: string): Promise<Read> {
  for (const version of kind.versions) {
    try {
      return await listWhole(client, kind, version, namespace);
    } catch (error) {
      if (!(error instanceof KubernetesRefusal) || error.status !== 404) throw error;
    }
  }
  const message = 'The cluster does not serve them: is Linkerd, with its CRDs, installed here?';
  return { resources: [], notices: kind.isOptional ? [] : [{ where: nameOfKind(kind), message }] };
}

async function listWhole(client: KubernetesClient, kind: WatchedKind, version: string, namespace: string): Promise<Read> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listPages(client, kind, version, namespace);
    } catch (error) {
      if (!(error instanceof KubernetesRefusal) || error.status !== 410 || attempt === ATTEMPTS) throw error;
    }
  }
}

async function listPages(client: KubernetesClient, kind: WatchedKind, version: string, namespace: string): Promise<Read> {
  const { group, resource, name } = kind;
  const what = namespace === '' ? nameOfKind(kind) : `${nameOfKind(kind)} in ${namespace}`;
  const options = { defaultNamespace: namespace, notices: createNoticeBook(), unread: new Map<string, number>() };
  const resources: Resource[] = [];
  let rest = '';
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = {
      limit: PAGE,
      ...(rest === '' ? {} : { continue: rest }),
      ...(name === null ? {} : { fieldSelector: `metadata.name=${name}` }),
    };
    const list = fields(await getJson(client, pathOf(group, version, namespace, resource), what, { query }));
    for (const item of Array.isArray(list['items']) ? (list['items'] as readonly unknown[]) : []) {
      const whole = { apiVersion: group === '' ? version : `${group}/${version}`, kind: kind.kind, ...fields(item) };
      const place = () => ({ file: what });
      const read = readObject(whole, { value: whole, place, cheapPlace: () => ({}) }, [], options);
      const kept = read === null ? null : keptOf(read);
      if (kept !== null) resources.push(kept);
    }
    const next = fields(list['metadata'])['continue'];
    if (typeof next !== 'string' || next === '') break;
    rest = next;
  }
  return { resources, notices: options.notices.all().map(({ origin, message }) => ({ where: showOrigin(origin), message })) };
}
