import { METRIC } from '../evidence/conventions.ts';
import { expressionsIn } from './promql.ts';
import type { LintRule } from './rule.ts';

const DENIALS: ReadonlySet<string> = new Set([METRIC.httpDeny, METRIC.tcpDeny, METRIC.routeNotFound]);
const RATES: ReadonlySet<string> = new Set(['rate', 'irate', 'increase']);

export const ruleMissesFirstDenial: LintRule = {
  code: 'rule-misses-first-denial',
  title: 'an alert on the rate of denials misses the first ones',
  *check({ resources }) {
    for (const { object, path, name, expression, selections } of expressionsIn(resources)) {
      const found = selections.find(
        ({ metric, functions }) => metric !== null && DENIALS.has(metric) && functions.some((call) => RATES.has(call)),
      );
      // Who compares with an earlier time has seen to it.
      if (found?.metric == null || /\b(?:offset|unless|absent)\b/.test(expression)) continue;
      const threshold = />=?\s*([\d.]+)\s*$/.exec(expression.trim())?.[1];
      const isHigh = threshold !== undefined && Number(threshold) >= 1 && !found.functions.includes('increase');
      yield {
        severity: 'info',
        object,
        path,
        problem: `A series of ${found.metric} appears with its first denial, at 1. A rate over it has nothing to rise from, and is 0.`,
        effect: `${name === '' ? 'The rule' : name} misses the first denial of every client, server and route${isHigh ? `, and whatever stays below ${threshold} a second: ${Math.ceil(Number(threshold) * 300)} denials in 5 minutes do not fire it` : ''}.`,
        right: `Beside it: ${found.metric} unless ${found.metric} offset 5m. denywhy rules writes a pack that sees both.`,
        edits: [],
      };
    }
  },
};
