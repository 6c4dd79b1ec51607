/** The alert that readers of a well-known tutorial already run: its name, expression, wait and labels are theirs. */
import { METRIC } from '../evidence/conventions.ts';
import type { AlertKind } from './alert-kind.ts';
import { compare, overTime, series, sumBy } from './promql.ts';

const RATE_SECONDS = 300;

export const TUTORIAL_ALERT: AlertKind = {
  name: 'HighAuthorizationDenials',
  severity: 'warning',
  threshold: 10,
  for: 300,
  keepsFiring: false,
  about: 'trouble',
  summary: 'Many requests per second are denied.',
  description:
    'Deployment {{ $labels.deployment }} in namespace {{ $labels.namespace }} denies {{ $value | humanize }} requests per second. The runbook says what this alert misses.',
  runbook: {
    meaning: [
      'More than 10 requests per second were denied for 5 minutes. It stands here as it is known, so that what routes and silences it goes on working.',
      'It misses most denials, and the other alerts of this pack do not:',
      '  - It never sees the first denial, nor any that comes once in a while: a rate has no first increment, and a nightly job is far below 10 per second.',
      '  - It never fires for a pod whose default policy is `deny`: the admin port is denied too, Prometheus gets 403 on 4191, and there is no counter to look at (LinkerdDenialsInvisible).',
      '  - It sees neither connections that are no HTTP, nor 404, nor what is no Deployment (those lie together under an empty `deployment`).',
      '  - A short, hard outage is over before it has waited its 5 minutes.',
    ],
    impact: ['A busy client is shut out, or somebody hammers at a door that is rightly closed.'],
    diagnosis: ['LinkerdRequestsDenied fires for the same workload, names the Server and the route, and began earlier.'],
    mitigation: ['As for LinkerdRequestsDenied.'],
    command: `kubectl logs -n NAMESPACE WORKLOAD -c linkerd-proxy --tail=-1 \\
  | denywhy explain -n NAMESPACE WORKLOAD --cluster dump.yaml`,
  },
  conditions: (_, threshold) => [
    {
      expr: compare(sumBy(['namespace', 'deployment'], overTime('rate', series(METRIC.httpDeny), RATE_SECONDS)), '>', threshold),
      labels: {},
    },
  ],
};
