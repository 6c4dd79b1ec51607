import { isSlip } from '../diagnoses/near-name.ts';
import { METRIC, SIDE_METRIC } from '../evidence/conventions.ts';
import { expressionsIn } from './promql.ts';
import type { LintRule } from './rule.ts';

const KNOWN: readonly string[] = [...Object.values(METRIC), ...Object.values(SIDE_METRIC)];
/** Names that look like counters of policy decisions. */
const LOOKS_LIKE =
  /^(?:linkerd|proxy|inbound|outbound|request|policy)_?\w*(?:authz|authoriz|denied|deny|denial|forbidden|unauthorized)\w*$/i;

export const ruleUnknownMetric: LintRule = {
  code: 'rule-unknown-metric',
  title: 'an alert on a metric that no proxy has',
  *check({ resources }) {
    for (const { object, path, name, selections } of expressionsIn(resources)) {
      for (const { metric } of selections) {
        if (metric === null || KNOWN.includes(metric) || metric.includes(':')) continue;
        const near = KNOWN.find((known) => isSlip(known, metric) || known === `${metric}_total`);
        if (near === undefined && !LOOKS_LIKE.test(metric)) continue;
        yield {
          severity: 'error',
          object,
          path,
          problem: `No proxy of Linkerd has a metric ${metric}.`,
          effect: `${name === '' ? 'The rule' : name} never has a value, and never fires. Prometheus calls the rule healthy.`,
          right:
            near ??
            `${METRIC.httpDeny} (HTTP), ${METRIC.tcpDeny} (connections), ${METRIC.routeNotFound} (no route); or the rules that denywhy rules writes`,
          edits: [],
        };
      }
    }
  },
};
