/** What the pages Policy and Simulate ask. None of it changes by an incident's event: each is asked again in its own time. */
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { get, post } from './api.ts';
import type { Shapes } from './api-types.ts';

const OF_POLICY = 'policy';

/** Workloads of one page of the list. */
const MOST_WORKLOADS = 200;
const MOST_ROWS = 500;

export type CanQuestion = Shapes['CanQuestion'];
export type SimulateQuestion = Shapes['SimulateQuestion'];

/** `at` empty: now. */
export const workloadsQuery = (q: string, at: string) =>
  queryOptions({
    queryKey: [OF_POLICY, 'workloads', q, at],
    queryFn: ({ signal }) => get<Shapes['WorkloadPage']>(`workloads?${of({ q, at, limit: String(MOST_WORKLOADS) })}`, signal),
    placeholderData: keepPreviousData,
  });

export const policyQuery = (namespace: string, workload: string, at: string) =>
  queryOptions({
    queryKey: [OF_POLICY, 'policy', namespace, workload, at],
    queryFn: ({ signal }) => get<Shapes['Policy']>(`policy?${of({ namespace, workload, at })}`, signal),
    enabled: namespace !== '' && workload !== '',
  });

export interface TrafficFilter {
  readonly namespace: string;
  readonly workload: string;
  readonly outcome: string;
  readonly q: string;
}

export const trafficQuery = (filter: TrafficFilter) =>
  queryOptions({
    queryKey: [OF_POLICY, 'traffic', filter],
    queryFn: ({ signal }) => get<Shapes['TrafficPage']>(`traffic?${of({ ...filter, limit: String(MOST_ROWS) })}`, signal),
    enabled: filter.namespace !== '',
    placeholderData: keepPreviousData,
  });

/** null: nothing is asked yet. */
export const canQuery = (question: CanQuestion | null) =>
  queryOptions({
    queryKey: [OF_POLICY, 'can', question],
    queryFn: ({ signal }) => post<Shapes['CanAnswer']>('can', question, signal),
    enabled: question !== null,
  });

/** A simulation stands for the text and the moment that were asked about: it is not repeated by itself. */
export const simulateQuery = (question: SimulateQuestion | null, run: number) =>
  queryOptions({
    queryKey: [OF_POLICY, 'simulate', run],
    queryFn: ({ signal }) => post<Shapes['Simulation']>('simulate', question, signal),
    enabled: question !== null,
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: false,
    refetchOnWindowFocus: false,
    retry: false,
  });

/** Without those that are empty. */
function of(parameters: Readonly<Record<string, string>>): URLSearchParams {
  return new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ''));
}
