/** What the pages ask the API, each under one key. */
import { keepPreviousData, type QueryKey, queryOptions } from '@tanstack/react-query';
import { get } from './api.ts';
import type { Shapes } from './api-types.ts';
import type { Tightening, WayOut } from './explanation.ts';

type Incident = Shapes['Incident'];

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => get<Shapes['Session']>('session', signal),
});

export const statusQuery = queryOptions({
  queryKey: ['status'],
  queryFn: ({ signal }) => get<Shapes['Sources']>('status', signal),
});

export const parkedQuery = queryOptions({
  queryKey: ['parked'],
  queryFn: ({ signal }) => get<Shapes['ParkedJobs']>('jobs/parked', signal),
});

export const mutesQuery = queryOptions({
  queryKey: ['mutes'],
  queryFn: ({ signal }) => get<Shapes['MuteList']>('mutes', signal),
});

/** The last allowed request that was seen: a service that sees those would see denials too. */
export const lastAllowedQuery = queryOptions({
  queryKey: ['observations'],
  queryFn: ({ signal }) => get<Shapes['ObservationPage']>('observations?limit=1', signal),
});

/** Allowed traffic of a namespace (empty: of every one) that was seen last. */
export const observedQuery = (namespace: string) =>
  queryOptions({
    queryKey: ['observations', 'newest', namespace],
    queryFn: ({ signal }) => {
      const query = new URLSearchParams({ limit: '500', ...(namespace === '' ? {} : { namespace }) });
      return get<Shapes['ObservationPage']>(`observations?${query}`, signal);
    },
  });

/** What runs in the cluster, and how much of it has a proxy. */
export const meshedQuery = queryOptions({
  queryKey: ['meshed'],
  queryFn: ({ signal }) => get<Shapes['WorkloadPage']>('workloads?limit=1000', signal),
  staleTime: 60_000,
  refetchInterval: false,
});

/** Where a proxy may lead to from anywhere below the window: not below `api/v1`. */
const beside = (place: string, signal: AbortSignal) => get<unknown>(`../../${place}`, signal);

export const readinessQuery = queryOptions({
  queryKey: ['ready'],
  queryFn: async ({ signal }) => (await beside('readyz', signal)) as Shapes['Health'],
});

export const versionQuery = queryOptions({
  queryKey: ['version'],
  queryFn: async ({ signal }) => ((await beside('openapi.json', signal)) as { readonly info: { readonly version: string } }).info.version,
  staleTime: Number.POSITIVE_INFINITY,
  refetchInterval: false,
});

export const detailQuery = (id: string) =>
  queryOptions({
    queryKey: ['incident', id],
    queryFn: ({ signal }) => get<Shapes['IncidentDetail']>(`incidents/${encodeURIComponent(id)}`, signal),
  });

/** Proofs take work, so they are asked for again when what they stand on is another: the policy, the clients, the cause. */
export const wayOutQuery = ({ id, explainedPolicy, clients, answer }: Incident) =>
  queryOptions({
    queryKey: [WAY_OUT, id, explainedPolicy, clients, answer?.sentence ?? ''],
    queryFn: ({ signal }) =>
      get<{ readonly items: readonly WayOut[]; readonly tightenings: readonly Tightening[] }>(
        `incidents/${encodeURIComponent(id)}/remedies`,
        signal,
      ),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: false,
    placeholderData: keepPreviousData,
  });

const WAY_OUT = 'way-out';

/** Asked for by its own time: a Prometheus may stand behind it. */
export const seriesQuery = ({ id }: Pick<Incident, 'id'>) =>
  queryOptions({
    queryKey: [SERIES, id],
    queryFn: ({ signal }) => get<Shapes['IncidentSeries']>(`incidents/${encodeURIComponent(id)}/series`, signal),
    placeholderData: keepPreviousData,
  });

const SERIES = 'series';

export const objectsQuery = ({ id, explained, explainedPolicy }: Incident, at: 'denial' | 'now') =>
  queryOptions({
    queryKey: [OBJECTS, id, at, explained, explainedPolicy],
    queryFn: ({ signal }) => get<Shapes['IncidentObjects']>(`incidents/${encodeURIComponent(id)}/objects?at=${at}`, signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: false,
    placeholderData: keepPreviousData,
  });

const OBJECTS = 'objects';

/** Of one namespace, with its plan; empty: of every one. Judging takes work, so it is asked for again when somebody wants it. */
export const postureQuery = (namespace: string) =>
  queryOptions({
    queryKey: [POSTURE, namespace],
    queryFn: ({ signal }) =>
      get<Shapes['Posture']>(`posture${namespace === '' ? '' : `?namespace=${encodeURIComponent(namespace)}`}`, signal),
    staleTime: 60_000,
    refetchInterval: false,
    refetchOnWindowFocus: false,
  });

const POSTURE = 'posture';

export const rulesQuery = queryOptions({
  queryKey: ['rules'],
  queryFn: ({ signal }) => get<Shapes['RuleList']>('rules', signal),
  refetchInterval: 30_000,
});

const APART: ReadonlySet<string> = new Set([WAY_OUT, SERIES, OBJECTS, POSTURE, 'policy', 'rules', 'session', 'version']);

/** Whether a changed incident changes the answer of this query. */
export function isOfIncidents(key: QueryKey): boolean {
  return !APART.has(String(key[0]));
}
