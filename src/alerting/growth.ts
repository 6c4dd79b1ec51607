/**
 * What a counter counted within the window, the first increment included. `increase()` sees no series' birth, and a denial is a birth: every new
 * client is a new series that begins at 1. See prometheus/prometheus#1673.
 */
import { COUNTER_LABELS, DEFAULT_KIND, EXPORTED, LABEL, METRIC } from '../evidence/conventions.ts';
import {
  binary,
  combine,
  equals,
  firstOf,
  isOneOf,
  lastSeen,
  type Matcher,
  number,
  overTime,
  type Promql,
  secondsAgo,
  series,
} from './promql.ts';
import type { Settings } from './settings.ts';

type Scraping = Pick<Settings, 'scrape' | 'clusterLabel' | 'window' | 'lookback'>;

/**
 * Per series, in this order: all of it where its proxy is another process than the one last known; what was added since the series was last seen
 * before the window; all of it where it fell (a restart that `process_start_time_seconds` did not tell); all of it where it is new. It is new when
 * it was not seen for `lookback` before the window although its proxy was, or when its proxy is younger than that: so neither a scrape gap nor a
 * restart of Prometheus makes old denials new, and what was denied during a gap is still seen. Series that did not grow are absent.
 */
export function growth(metric: string, matchers: readonly Matcher[], settings: Scraping): Promql {
  const { window, lookback } = settings;
  const now = series(metric, matchers);
  const known = lastSeen(now, lookback, window);
  const pod = podLabels(settings);
  return firstOf([
    combine(now, 'and', restarted(settings), pod),
    binary(binary(now, '-', known), '>', number(0)),
    binary(now, '<', known),
    combine(combine(now, 'unless', known, [...pod, ...ownLabels(settings)]), 'and', wouldHaveBeenSeen(settings), pod),
  ]);
}

/** All that a counter itself says. A pod's own labels are no part of it: who edits them makes other series of the same counters. */
function ownLabels({ scrape }: Pick<Settings, 'scrape'>): readonly string[] {
  return COUNTER_LABELS.map((label) => (scrape.exported.includes(label) ? EXPORTED + label : label));
}

/** What tells pods apart. */
function podLabels({ scrape, clusterLabel }: Pick<Settings, 'scrape' | 'clusterLabel'>): readonly string[] {
  return [...(clusterLabel === null ? [] : [clusterLabel]), scrape.namespace, scrape.pod];
}

export function proxyJob({ scrape }: Pick<Settings, 'scrape'>): Matcher {
  return isOneOf('job', scrape.jobs);
}

function restarted({ window, lookback, ...settings }: Scraping): Promql {
  const start = series(METRIC.processStart, [proxyJob(settings)]);
  return binary(start, '>', lastSeen(start, lookback, window));
}

function wouldHaveBeenSeen({ window, lookback, ...settings }: Scraping): Promql {
  const up = series(METRIC.up, [proxyJob(settings)]);
  const start = series(METRIC.processStart, [proxyJob(settings)]);
  return combine(
    binary(overTime('max_over_time', up, lookback, window), '==', number(1)),
    'or',
    binary(start, '>', secondsAgo(lookback + window)),
  );
}

/** What `increase()` sees, for counters whose first increment does not matter. */
export function increase(metric: string, matchers: readonly Matcher[], { window }: Pick<Settings, 'window'>): Promql {
  return overTime('increase', series(metric, matchers), window);
}

/** The permits of the audit policy: what `deny` would refuse. */
export const AUDIT: readonly Matcher[] = [equals(LABEL.authzKind, DEFAULT_KIND), equals(LABEL.authzName, 'audit')];
