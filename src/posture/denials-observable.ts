/** A denial is seen: proxies are scraped and log it, rules watch for it, and Prometheus remembers it long enough. */
import type { Workload } from '../policy/workload.ts';
import { isList, targetsByPod } from './check-alerting.ts';
import { logsDenials } from './check-logs.ts';
import type { Evidence, Judgement, NextStep, PostureContext, PostureState, PostureWorkload, Practice } from './practice.ts';
import { remembered } from './retention.ts';
import { evidence, holds, nameOf, objectOf, quoted } from './wording.ts';

export const denialsObservable: Practice = {
  id: 'denials-observable',
  title: 'denials are observable',
  judge(context, namespace) {
    const workloads = context.workloadsIn(namespace).filter(({ ports }) => ports.length > 0);
    if (workloads.length === 0) return [];
    return [...workloads.map((workload) => judgeOne(context, workload)), rulesLoaded(context), remembered(context)];
  },
};

function judgeOne(context: PostureContext, workload: PostureWorkload): Judgement {
  const name = nameOf(workload);
  const pods = workload.pods.filter(({ kind, meshed }) => kind === 'Pod' && meshed);
  const silent = pods.filter((pod) => !logsDenials(context.snapshot, pod));
  const { unread, isKnown, shown, lacking } = scrapes(context, pods);
  const evidences: readonly Evidence[] = [
    silent.length === 0
      ? evidence('its proxies log denials', objectOf(workload))
      : evidence(`${silent.length} of ${pods.length} proxies log no denials`, (silent[0] as Workload).resource),
    ...shown,
  ];
  const base = { workload: name, evidence: evidences, lacking };
  if (unread.length > 0)
    return {
      ...base,
      state: silent.length > 0 && unread.length === pods.length ? 'not' : 'partly',
      found: `Prometheus does not read ${unread.length} of ${pods.length} proxies${silent.length > 0 ? ', and logs are off' : ''}: rules are blind there`,
      next: { text: 'It tells why each is not read.', command: 'denywhy check' },
    };
  if (silent.length > 0)
    return {
      ...{ ...base, state: 'partly', found: 'its log level hides denials: who was denied is not told' },
      next: {
        text: 'The annotation config.linkerd.io/proxy-log-level, and a restart.',
        command: patchLevel(workload),
      },
    };
  return isKnown
    ? holds(name, 'its proxies are scraped and log denials', evidences)
    : { ...base, state: 'unknown', found: 'its proxies log denials', next: null };
}

function patchLevel(workload: PostureWorkload): string {
  const patch = '{"spec":{"template":{"metadata":{"annotations":{"config.linkerd.io/proxy-log-level":"warn,linkerd=info"}}}}}';
  return `kubectl patch -n ${quoted(workload.ref.namespace)} ${quoted(nameOf(workload))} -p '${patch}'`;
}

function scrapes({ alerting, asks }: PostureContext, pods: readonly Workload[]) {
  const { prometheus, targets } = alerting;
  if (prometheus === null)
    return { unread: [], isKnown: false, shown: [], lacking: [`whether Prometheus scrapes the proxies: ${asks.prometheus}`] };
  if (targets === null)
    return {
      unread: [],
      isKnown: false,
      shown: [],
      lacking: [`whether Prometheus scrapes the proxies: ${prometheus} scrapes nothing itself`],
    };
  if (!isList(targets)) {
    const shown = [{ text: targets.why, source: `targets of ${prometheus}` }];
    return { unread: [], isKnown: false, shown, lacking: [`whether Prometheus scrapes the proxies: ${targets.remedy}`] };
  }
  const byPod = targetsByPod(targets);
  const unread = pods.filter(({ ref }) => byPod.get(`${ref.namespace}/${ref.name}`)?.health !== 'up');
  const text =
    unread.length === 0
      ? 'each of its proxies is a target that is up'
      : `no target that is up: ${unread
          .slice(0, 4)
          .map(({ ref }) => ref.name)
          .join(', ')}`;
  return { unread, isKnown: true, shown: [{ text, source: `targets of ${prometheus}` }], lacking: [] };
}

const RULES: NextStep = { text: 'The rule pack sees the first denial.', command: 'denywhy rules | kubectl apply -f -' };

function rulesLoaded({ asks, alerting: { prometheus, rules } }: PostureContext): Judgement {
  const of = (
    state: PostureState,
    found: string,
    shown: readonly Evidence[],
    lacking: readonly string[],
    next: NextStep | null,
  ): Judgement => ({
    ...{ workload: null, state, found, evidence: shown, lacking, next },
  });
  if (prometheus === null || rules === null)
    return of('unknown', 'no Prometheus was asked for its rules', [], [`whether alert rules watch for denials: ${asks.prometheus}`], null);
  const source = `rules of ${prometheus}`;
  if ('why' in rules) return of('unknown', 'Prometheus does not tell its rules', [{ text: rules.why, source }], [rules.remedy], null);
  const { good, bad } = rules;
  const shown = [{ text: `${good} of ${good + bad.length} rules of the pack are loaded, healthy and evaluated`, source }];
  if (bad.length === 0) return holds(null, 'the alert rules are loaded', shown);
  return of(
    good === 0 ? 'not' : 'partly',
    good === 0 ? 'no alert rule is loaded' : `${bad.length} alert rules are not as they should be`,
    shown,
    [],
    RULES,
  );
}
