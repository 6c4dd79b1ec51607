/** A denial is seen: proxies are scraped and log it, rules watch for it, and Prometheus remembers it long enough. */
import { scrapersIn } from '../access/standing.ts';
import { listOf } from '../policy/reading.ts';
import { isObject } from '../policy/selector.ts';
import type { Workload } from '../policy/workload.ts';
import { isList, targetsByPod } from './check-alerting.ts';
import { logsDenials } from './check-logs.ts';
import type { Evidence, Judgement, NextStep, PostureContext, PostureState, PostureWorkload, Practice } from './practice.ts';
import { evidence, holds, nameOf, objectOf, quoted, showSpan, WEEK } from './wording.ts';

export const denialsObservable: Practice = {
  id: 'denials-observable',
  title: 'denials are observable',
  judge(context, namespace) {
    const workloads = context.workloadsIn(namespace).filter(({ ports }) => ports.length > 0);
    if (workloads.length === 0) return [];
    return [...workloads.map((workload) => judgeOne(context, workload)), rulesLoaded(context), ...remembered(context)];
  },
};

const ASK = 'whether Prometheus scrapes the proxies: --prometheus URL';

function judgeOne(context: PostureContext, workload: PostureWorkload): Judgement {
  const name = nameOf(workload);
  const pods = workload.pods.filter(({ kind, meshed }) => kind === 'Pod' && meshed);
  const silent = pods.filter((pod) => !logsDenials(context.snapshot, pod));
  const { unread, isKnown, shown } = scrapes(context, pods);
  const lacking = isKnown ? [] : [ASK];
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

function scrapes({ alerting }: PostureContext, pods: readonly Workload[]) {
  const { prometheus, targets } = alerting;
  if (prometheus === null || targets === null || !isList(targets)) return { unread: [], isKnown: false, shown: [] };
  const byPod = targetsByPod(targets);
  const unread = pods.filter(({ ref }) => byPod.get(`${ref.namespace}/${ref.name}`)?.health !== 'up');
  const text =
    unread.length === 0
      ? 'each of its proxies is a target that is up'
      : `no target that is up: ${unread
          .slice(0, 4)
          .map(({ ref }) => ref.name)
          .join(', ')}`;
  return { unread, isKnown: true, shown: [{ text, source: `targets of ${prometheus}` }] };
}

const RULES: NextStep = { text: 'The rule pack sees the first denial.', command: 'denywhy rules | kubectl apply -f -' };

function rulesLoaded({ alerting: { prometheus, rules } }: PostureContext): Judgement {
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
    return of('unknown', 'no Prometheus was asked for its rules', [], ['whether alert rules watch for denials: --prometheus URL'], null);
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

/** What is forgotten after hours cannot be asked about the next morning. */
function remembered({ snapshot }: PostureContext): readonly Judgement[] {
  return scrapersIn(snapshot).flatMap((pod) => {
    const kept = retentionOf(pod);
    if (kept === null) return [];
    const { text, milliseconds } = kept;
    const shown = [evidence(`--storage.tsdb.retention.time=${text}`, pod.resource)];
    const who = `Prometheus of ${pod.ref.namespace}`;
    if (milliseconds >= WEEK) return [holds(null, `${who} remembers ${showSpan(milliseconds)}`, shown)];
    return [
      {
        ...({ workload: null, state: 'partly', evidence: shown, lacking: [] } as const),
        found: `${who} forgets after ${showSpan(milliseconds)}: what was denied before nobody can ask`,
        next: { text: 'Keep a week at least, or let denywhy serve keep the incidents.', command: null },
      },
    ];
  });
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** Of the container's arguments; null: they do not say (15 days, unless a file says otherwise). */
function retentionOf({ resource }: Workload): { readonly text: string; readonly milliseconds: number } | null {
  const containers = isObject(resource.spec) ? listOf(resource.spec['containers']).filter(isObject) : [];
  const args = containers
    .filter(({ name }) => name === 'prometheus')
    .flatMap((c) => listOf(c['args']))
    .filter((arg) => typeof arg === 'string');
  const text = args
    .map((arg) => /^--storage\.tsdb\.retention\.time=((?:\d{1,6}(?:ms|[smhdwy])){1,7})$/.exec(arg)?.[1])
    .find((one) => one !== undefined);
  if (text === undefined) return null;
  let milliseconds = 0;
  for (const [, n, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) milliseconds += Number(n) * (UNITS[unit ?? ''] ?? 0);
  return { text, milliseconds };
}
