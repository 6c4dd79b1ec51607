/** What is asked of Prometheus: which counters, and in how many pieces, so that no answer is too large to be held. Pure. */
import { AUDIT } from '../alerting/growth.ts';
import {
  compare,
  countBy,
  equals,
  isAnyOf,
  isOneOf,
  type Matcher,
  type Promql,
  quoteRegex,
  samplesOf,
  seriesOfAny,
} from '../alerting/promql.ts';
import { BUILD_INFO, LABEL, METRIC, PROXY_JOB, WORKLOAD_LABELS } from '../evidence/conventions.ts';
import type { KeySelection } from '../evidence/key.ts';
import { SIDE_COUNTERS } from '../evidence/metrics-side.ts';
import type { LabelledNumber } from '../ports.ts';
import type { PollScope } from '../triage/poll-scope.ts';

/** The deny counters, and the errors that go before any policy. */
const DENIED = [
  METRIC.httpDeny,
  METRIC.tcpDeny,
  METRIC.tcpTerminate,
  METRIC.routeNotFound,
  METRIC.rateLimited,
  METRIC.tcpErrors,
  METRIC.httpErrors,
] as const;
const ALLOWED = [METRIC.httpAllow, METRIC.tcpAllow] as const;
const TARGET = [METRIC.up, METRIC.processStart] as const;

/** Some of the proxies, by labels that all series of a target share. */
export type Slice = readonly Matcher[];

/** How series are read: all samples of the last so many seconds, or (null) the last one of each. */
type Window = number | null;

/**
 * What must be asked to know all counters of a scope; together the answers are whole. `jobs`: those that scrape proxies. Only the deny counters
 * are read with a window. Of side evidence the proxies write every series at once, nearly all of them 0: what is 0 is not asked for.
 */
export function queriesOf(scope: PollScope, slice: Slice, jobs: readonly string[], window: Window): readonly Promql[] {
  const targets = seriesOfAny(TARGET, [isProxyJob(jobs), ...slice]);
  if (scope === 'allowed') return [seriesOfAny(ALLOWED, slice), targets];
  if (scope === 'side') return [...SIDE.map((matchers) => compare(seriesOfAny(...matchers(slice)), '>', 0)), targets];
  const as = (of: Promql) => (window === null ? of : samplesOf(of, window));
  return [seriesOfAny(DENIED, slice), seriesOfAny(ALLOWED, [...AUDIT, ...slice]), targets].map(as);
}

const SIDE = SIDE_COUNTERS.map(
  ({ metrics, only }) =>
    (slice: Slice) =>
      [metrics, [...only.map(([label, values]) => isOneOf(label, values)), ...slice]] as const,
);

/** Proxies that the last scrape could not read. */
export function downQuery(jobs: readonly string[]): Promql {
  return compare(seriesOfAny([METRIC.up], [isProxyJob(jobs)]), '==', 0);
}

/** A proxy's job under linkerd-viz, under the operator, and those that were learned. */
function isProxyJob(jobs: readonly string[]): Matcher {
  return isAnyOf(LABEL.job, [`(.+/)?${quoteRegex(PROXY_JOB)}`, ...jobs.map(quoteRegex)].join('|'));
}

/** Those that make an answer large. */
const SIZED: Readonly<Record<PollScope, readonly [string, ...string[]]>> = {
  denied: DENIED,
  /** Few series of many: its targets tell how many pieces are likely to do. */
  side: [METRIC.processStart],
  allowed: ALLOWED,
};

/** How many series each namespace has; one without counters has its targets. */
export function sizeQuery(scope: PollScope): Promql {
  return countBy([LABEL.namespace], seriesOfAny([...SIZED[scope], METRIC.up]));
}

/** Which jobs scrape proxies. */
export function jobsQuery(): Promql {
  return countBy([LABEL.job], seriesOfAny([BUILD_INFO]));
}

export function jobsOf(answer: readonly LabelledNumber[]): readonly string[] {
  const jobs = answer.map(({ labels }) => labels.get(LABEL.job) ?? '').filter((job) => job !== '');
  return jobs.toSorted().slice(0, MOST_JOBS);
}

const MOST_JOBS = 50;

export interface Sliced {
  /** None where nothing is there to be asked for. */
  readonly slices: readonly Slice[];
  /** Namespaces beyond the limit: not asked for. */
  readonly left: readonly string[];
}

export interface SliceLimits {
  /** Series of one answer. */
  readonly each: number;
  /** Series in all. */
  readonly all: number;
}

/**
 * Slices that hold whole targets: several namespaces in one, or one namespace by the last character of its pods' names where it alone is too
 * large. Pods of a Deployment have random endings, those of a StatefulSet numbers.
 */
export function slicesFor(sizes: readonly LabelledNumber[], { each, all }: SliceLimits): Sliced {
  const slices: Slice[] = [];
  const left: string[] = [];
  let names: string[] = [];
  let held = 0;
  let total = 0;
  const close = () => {
    const [first, ...more] = names;
    if (first !== undefined) slices.push([isOneOf(LABEL.namespace, [first, ...more])]);
    names = [];
    held = 0;
  };
  for (const { labels, value } of sizes.toSorted((a, b) => a.value - b.value)) {
    const namespace = labels.get(LABEL.namespace) ?? '';
    total += value;
    if (total > all) left.push(namespace);
    else if (value > each) slices.push(...slicesOfNamespace(namespace, Math.ceil(value / each)));
    else {
      if (held + value > each || names.length >= MOST_NAMES) close();
      names.push(namespace);
      held += value;
    }
  }
  close();
  return { slices, left };
}

/** A matcher's text grows with them. */
const MOST_NAMES = 200;
const ENDINGS = [...'0123456789abcdefghijklmnopqrstuvwxyz'];

function slicesOfNamespace(namespace: string, pieces: number): readonly Slice[] {
  const own = equals(LABEL.namespace, namespace);
  const width = Math.max(1, Math.floor(ENDINGS.length / pieces));
  const groups: string[] = [];
  for (let at = 0; at < ENDINGS.length; at += width) groups.push(ENDINGS.slice(at, at + width).join(''));
  return [
    ...groups.map((group): Slice => [own, isAnyOf(LABEL.pod, `.*[${group}]`)]),
    [own, { label: LABEL.pod, operator: '!~', value: `.*[${ENDINGS.join('')}]` }],
  ];
}

/** The targets that an alert is about; null: its labels name no namespace. Never less than whole targets. */
export function sliceOf({ namespace, workload }: KeySelection): Slice | null {
  if (namespace === undefined) return null;
  const [label] = Object.entries(WORKLOAD_LABELS).find(([, kind]) => kind === workload?.kind) ?? [];
  const own = equals(LABEL.namespace, namespace);
  return label === undefined || workload === undefined ? [own] : [own, equals(label, workload.name)];
}
