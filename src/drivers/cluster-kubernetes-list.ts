/** A cluster as it is now, by one list of each kind: for a question of a person. What goes on in it is watched by another driver. */
import { Unavailable } from '../errors.ts';
import type { Resource } from '../policy/resource.ts';
import type { Cluster, Notice } from '../ports.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { KubernetesRefusal } from './kubernetes-faults.ts';
import { nameOfKind, WATCHED_KINDS, type WatchedKind } from './kubernetes-kinds.ts';
import { listKind } from './kubernetes-list.ts';

/** Where an alert comes from says nothing of why a request was denied. */
const LEFT_OUT: ReadonlySet<string> = new Set(['PrometheusRule', 'Alertmanager', 'Prometheus']);
const LISTED = WATCHED_KINDS.filter(({ kind }) => !LEFT_OUT.has(kind));
/** Where Linkerd's settings are if not every namespace may be read. */
const CONTROL_PLANE = 'linkerd';

/**
 * `namespace`: what is read of a kind where the whole cluster may not be. A kind that cannot be read becomes a notice, and the others are read.
 * Errors of `read`: Unavailable, where not one kind can be read.
 */
export function createClusterList(client: KubernetesClient, namespace: string, withAlerting = false): Cluster {
  const kinds = withAlerting ? WATCHED_KINDS : LISTED;
  return {
    async read() {
      const lists = await Promise.all(kinds.map((kind) => read(client, kind, namespace)));
      const faults = lists.flatMap(({ fault }) => (fault === null ? [] : [fault]));
      if (faults.length === kinds.length && faults[0] !== undefined) throw ofAll(faults[0]);
      const changes = lists.flatMap(({ resources }) => resources.map((resource) => ({ at: null, type: 'applied' as const, resource })));
      const notices = lists.flatMap(({ notice }) => (notice === null ? [] : [notice]));
      const unread = new Map(lists.flatMap(({ where, within }) => (within === undefined ? [] : [[where, within] as const])));
      return { changes, files: new Map(), notices, isHistory: false, unread };
    },
  };
}

/** One kind after the other would be granted, where all are wanted. */
function ofAll(fault: Unavailable): Unavailable {
  if (!(fault instanceof KubernetesRefusal) || fault.status !== 403) return fault;
  return new KubernetesRefusal(fault.message, `Nor any other kind. ${RIGHTS}`, fault.status, fault.reason);
}

const RIGHTS = 'denywhy check says which rights are missing; docs/kubernetes.md has the table.';

interface Read {
  /** The resource, as kubectl writes it. */
  readonly where: string;
  /** The namespace of which alone it was read; null: not at all; undefined: whole. */
  readonly within: string | null | undefined;
  readonly resources: readonly Resource[];
  readonly notice: Notice | null;
  /** null: it was read, as far as it is there. */
  readonly fault: Unavailable | null;
}

async function read(client: KubernetesClient, kind: WatchedKind, namespace: string): Promise<Read> {
  const where = nameOfKind(kind);
  const within = kind.name === 'linkerd-config' ? CONTROL_PLANE : namespace;
  const whole = await list(client, kind, null);
  const isRefused = whole instanceof KubernetesRefusal && whole.status === 403 && kind.isNamespaced;
  const listed = isRefused ? await list(client, kind, within) : whole;
  if (listed instanceof Unavailable)
    return { where, within: null, resources: [], notice: { where, message: `${listed.message} ${listed.remedy}` }, fault: listed };
  const message = isRefused
    ? `Only those of namespace ${within} may be read (403 for the whole cluster): others are not known.`
    : listed === null && !kind.isOptional
      ? 'The cluster does not serve them: is Linkerd, with its CRDs, installed here?'
      : null;
  const notice = message === null ? null : { where, message };
  return { where, within: isRefused ? within : undefined, resources: listed ?? [], notice, fault: null };
}

/** null: the cluster has no such kind. */
async function list(
  client: KubernetesClient,
  kind: WatchedKind,
  namespace: string | null,
): Promise<readonly Resource[] | Unavailable | null> {
  try {
    const listed = await listKind(client, kind, { namespace, signal: AbortSignal.timeout(LONGEST) });
    return listed?.resources ?? null;
  } catch (error) {
    if (error instanceof Unavailable) return error;
    throw error;
  }
}

/** Of a kind, all its pages (ms). */
const LONGEST = 120_000;
