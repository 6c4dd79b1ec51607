/** Whether somebody counts the denials, evaluates rules over them, and passes the alerts on. */
import type { ScrapeTarget } from '../evidence/metrics-json.ts';
import { memo } from '../policy/memo.ts';
import { isObject } from '../policy/selector.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import { type CheckLine, count, line, some } from './check-line.ts';
import { proxyPods } from './check-linkerd.ts';

/** What could not be read, in words, and what to do. */
export interface Unread {
  readonly why: string;
  readonly remedy: string;
}

export interface AlertingFacts {
  readonly snapshot: Snapshot;
  /** Its address; null: none was given or found. */
  readonly prometheus: string | null;
  /** null: it scrapes nothing itself, or there is no Prometheus. */
  readonly targets: readonly ScrapeTarget[] | Unread | null;
  /** Rules by name that Prometheus has, or has not, as they should be. */
  readonly rules: { readonly good: number; readonly bad: readonly string[] } | Unread | null;
  /** PrometheusRules that hold denywhy's groups, and who takes them. */
  readonly manifests: readonly RuleManifest[];
}

export interface RuleManifest {
  /** `namespace/name`. */
  readonly name: string;
  /** Of the Prometheus objects; `isTaken` null: the objects do not tell. */
  readonly by: readonly { readonly prometheus: string; readonly isTaken: boolean | null; readonly reasons: readonly string[] }[];
}

const GIVE = 'Name one: denywhy check --prometheus http://HOST:9090';

export function checkScrapes({ snapshot, prometheus, targets }: AlertingFacts): CheckLine {
  const answer = (mark: CheckLine['mark'], text: string, ...remedy: readonly string[]) =>
    line('seeing denials', 'scrapes', mark, text, ...remedy);
  if (prometheus === null) return answer('unknown', 'whether Prometheus scrapes the proxies: none was asked', GIVE);
  if (targets === null)
    return answer('unknown', `${prometheus} tells no scrape targets: it scrapes nothing itself`, 'Ask the Prometheus that scrapes.');
  if (!isList(targets)) return answer('unknown', `scrape targets: ${targets.why}`, targets.remedy);
  const byPod = targetsByPod(targets);
  const pods = proxyPods(snapshot).map(({ ref }) => `${ref.namespace}/${ref.name}`);
  const missing = pods.filter((pod) => !byPod.has(pod));
  const down = pods.filter((pod) => byPod.has(pod) && byPod.get(pod)?.health !== 'up');
  const refused = down.filter((pod) => /\b403\b/.test(byPod.get(pod)?.lastError ?? ''));
  const [first] = refused.length > 0 ? refused : down;
  if (first !== undefined && refused.length > 0)
    return answer(
      'failed',
      `Prometheus gets 403 from ${count(refused.length, 'proxy', 'proxies')} (${some(refused)}): every rule is blind there`,
      `denywhy policy -n ${first.split('/')[0]} po/${first.split('/')[1]}:4191`,
      'Let its ServiceAccount in on port 4191: linkerd viz allow-scrapes, or an AuthorizationPolicy of yours.',
    );
  if (first !== undefined)
    return answer(
      'failed',
      `Prometheus cannot read ${count(down.length, 'proxy', 'proxies')} (${some(down)}): ${byPod.get(first)?.lastError || 'not up'}`,
      'Every rule is blind there: look at the target in Prometheus.',
    );
  if (missing.length > 0)
    return answer(
      'failed',
      `${missing.length} of ${count(pods.length, 'proxy is', 'proxies are')} no target of Prometheus: ${some(missing)}`,
      'Every rule is blind there: a scrape job for port linkerd-admin (docs/prometheus.md).',
    );
  return answer('ok', `${prometheus} scrapes ${pods.length === 1 ? 'the proxy' : `all ${pods.length} proxies`}`);
}

/** Of proxies, by `namespace/pod`. */
export const targetsByPod = memo((targets: readonly ScrapeTarget[]): ReadonlyMap<string, ScrapeTarget> => {
  const byPod = new Map<string, ScrapeTarget>();
  for (const target of targets.filter(isProxys)) {
    const key = `${target.labels.get('namespace') ?? ''}/${target.labels.get('pod') ?? ''}`;
    // One job that reads it is enough.
    if (byPod.get(key)?.health !== 'up') byPod.set(key, target);
  }
  return byPod;
});

export function isList(targets: readonly ScrapeTarget[] | Unread): targets is readonly ScrapeTarget[] {
  return Array.isArray(targets);
}

function isProxys({ labels }: ScrapeTarget): boolean {
  return labels.get('instance')?.endsWith(':4191') === true || labels.get('job')?.endsWith('linkerd-proxy') === true;
}

export function checkRules({ prometheus, rules, manifests }: AlertingFacts): readonly CheckLine[] {
  return [loadedLine(prometheus, rules), ...manifestLines(manifests)];
}

function loadedLine(prometheus: string | null, rules: AlertingFacts['rules']): CheckLine {
  const answer = (mark: CheckLine['mark'], text: string, ...remedy: readonly string[]) =>
    line('alerting', 'rules-loaded', mark, text, ...remedy);
  if (prometheus === null || rules === null) return answer('unknown', 'whether the alert rules are loaded: no Prometheus was asked', GIVE);
  if ('why' in rules) return answer('unknown', `alert rules: ${rules.why}`, rules.remedy);
  const { good, bad } = rules;
  if (bad.length === 0) return answer('ok', `${prometheus} has all ${good} alert rules, healthy and evaluated`);
  const text =
    good === 0
      ? `${prometheus} has none of the alert rules`
      : `${bad.length} of ${good + bad.length} alert rules are not as they should be: ${some(bad)}`;
  return answer('failed', text, 'denywhy rules | kubectl apply -f -', 'Rule by rule: denywhy rules --check --prometheus URL');
}

function manifestLines(manifests: readonly RuleManifest[]): readonly CheckLine[] {
  return manifests.map(({ name, by }) => {
    const answer = (mark: CheckLine['mark'], text: string, ...remedy: readonly string[]) =>
      line('alerting', 'rules-selected', mark, text, ...remedy);
    const taking = by.filter(({ isTaken }) => isTaken === true).map(({ prometheus }) => prometheus);
    if (taking.length > 0) return answer('ok', `PrometheusRule ${name} is selected by Prometheus ${some(taking)}`);
    if (by.length === 0) return answer('unknown', `PrometheusRule ${name}: no Prometheus object tells who selects it`);
    const reasons = by.flatMap((one) => one.reasons.map((reason) => `Prometheus ${one.prometheus}: ${reason}`));
    return by.some(({ isTaken }) => isTaken === null)
      ? answer('unknown', `PrometheusRule ${name} may or may not be selected`, ...reasons)
      : answer('failed', `PrometheusRule ${name} is selected by no Prometheus`, ...reasons);
  });
}

/** An AlertmanagerConfig gets alerts of its own namespace alone, unless the matcher strategy is None (prometheus-operator, AlertmanagerSpec). */
export function checkAlertmanagers(snapshot: Snapshot): readonly CheckLine[] {
  const namespaces = [...snapshot.namespaces.keys()];
  const configs = namespaces.flatMap((ns) => [...resourcesOfKind(snapshot, 'monitoring.coreos.com', 'AlertmanagerConfig', ns).keys()]);
  return namespaces.flatMap((namespace) =>
    [...resourcesOfKind(snapshot, 'monitoring.coreos.com', 'Alertmanager', namespace)].map(([name, { spec }]) => {
      const given = isObject(spec) ? spec['alertmanagerConfigMatcherStrategy'] : null;
      const type = isObject(given) && typeof given['type'] === 'string' ? given['type'] : 'OnNamespace';
      const who = `Alertmanager ${namespace}/${name}`;
      if (type === 'None')
        return line('alerting', 'matcher-strategy', 'ok', `${who}: an AlertmanagerConfig gets the alerts of every namespace`);
      return line(
        'alerting',
        'matcher-strategy',
        configs.length > 0 ? 'failed' : 'unknown',
        `${who}: an AlertmanagerConfig gets alerts of its own namespace alone (matcher strategy ${type})`,
        'Where you route by AlertmanagerConfig: spec.alertmanagerConfigMatcherStrategy: {type: None}',
        'A receiver in the main configuration is not concerned.',
      );
    }),
  );
}
