import { LABEL, METRIC } from '../evidence/conventions.ts';
import { or } from './objects.ts';
import { expressionsIn, type Selection, takesEmpty } from './promql.ts';
import type { LintRule } from './rule.ts';

const DECISIONS: ReadonlySet<string> = new Set([METRIC.httpAllow, METRIC.httpDeny, METRIC.tcpAllow, METRIC.tcpDeny, METRIC.routeNotFound]);
const DENIALS: ReadonlySet<string> = new Set([METRIC.httpDeny, METRIC.tcpDeny, METRIC.routeNotFound]);

/** Labels of other metrics, or of people's expectations, and what tells it instead. What relabeling may add is not among them. */
const ABSENT: ReadonlyMap<string, string> = new Map([
  ['direction', 'every inbound counter is inbound by its name'],
  ['client', LABEL.clientId],
  ['client_name', LABEL.clientId],
  ['source', LABEL.clientId],
  ['status_code', 'the metric itself counts refusals'],
  ['http_status', 'the metric itself counts refusals'],
  ['classification', 'the metric itself counts refusals'],
  ['authority', 'route_name'],
  ['method', 'route_name'],
  ['path', 'route_name'],
  ['server', LABEL.serverName],
  ['server_name', LABEL.serverName],
  ['route', 'route_name'],
  ['policy', LABEL.serverName],
  ['dst_namespace', 'namespace, that of the server'],
  ['dst_deployment', 'deployment, that of the server'],
]);
const ONLY_WHERE_ALLOWED: ReadonlySet<string> = new Set([LABEL.authzName, LABEL.authzKind, LABEL.authzGroup]);

export const ruleAbsentLabel: LintRule = {
  code: 'rule-absent-label',
  title: 'an alert on a label that the metric does not have',
  *check({ resources }) {
    for (const { object, path, name, selections } of expressionsIn(resources)) {
      const said = new Set<string>();
      for (const { metric, matchers, grouping } of selections) {
        if (metric === null || !DECISIONS.has(metric)) continue;
        const isWrong = (label: string) => ABSENT.has(label) || (DENIALS.has(metric) && ONLY_WHERE_ALLOWED.has(label));
        const matched = matchers.filter(({ label }) => isWrong(label));
        const labels = [...new Set([...matched.map(({ label }) => label), ...grouping.filter(isWrong)])];
        const key = `${metric} ${labels.join()}`;
        if (labels.length === 0 || said.has(key)) continue;
        said.add(key);
        const dead = matched.filter((matcher) => !takesEmpty(matcher));
        const rule = name === '' ? 'the rule' : name;
        const written = dead.map(({ label, operator, value }) => `${label}${operator}${JSON.stringify(value)}`).join(', ');
        yield {
          severity: dead.length > 0 ? 'error' : 'warning',
          object,
          path,
          problem: `${metric} has no label ${or(labels)}.${labels.some((label) => ONLY_WHERE_ALLOWED.has(label)) ? ' A denial names no authorization: there is none that applied.' : ''}`,
          effect:
            dead.length > 0
              ? `No series fulfils ${written}, so the expression never has a value and ${rule} never fires. Without it, every series of ${metric} counts${leftOver(matchers, matched)}.`
              : groupedAway(grouping, isWrong),
          right: labels.map((label) => `${label}: ${ABSENT.get(label) ?? `${LABEL.serverName}, route_name`}`).join('; '),
          edits: [],
        };
      }
    }
  },
};

/** What the matchers that are in order still choose. */
function leftOver(all: Selection['matchers'], wrong: Selection['matchers']): string {
  const left = all.filter((matcher) => !wrong.includes(matcher));
  return left.length === 0
    ? ''
    : ` that has ${left.map(({ label, operator, value }) => `${label}${operator}${JSON.stringify(value)}`).join(', ')}`;
}

function groupedAway(grouping: readonly string[], isWrong: (label: string) => boolean): string {
  const labels = [...new Set(grouping)];
  const [empty, left] = [labels.filter(isWrong), labels.filter((label) => !isWrong(label))];
  if (empty.length === 0) return 'It takes every series, as if it were not there.';
  return `It is empty in every group: ${left.length === 0 ? 'all series are in one group' : `what is told apart is ${or(left)} alone`}.`;
}
