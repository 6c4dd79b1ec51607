/** Whether a Prometheus has the rules and evaluates them: its answer to `/api/v1/rules` beside what was generated. */
import * as z from 'zod';
import { Unavailable } from '../errors.ts';
import { duration } from './promql.ts';
import type { Rule, RuleGroup } from './rule.ts';

const rule = z.object({
  type: z.string(),
  name: z.string(),
  labels: z.record(z.string(), z.string()).nullish(),
  duration: z.number().nullish(),
  keepFiringFor: z.number().nullish(),
  health: z.string(),
  lastError: z.string().nullish(),
  lastEvaluation: z.string().nullish(),
  alerts: z
    .array(
      z.object({
        labels: z.record(z.string(), z.string()),
        state: z.string(),
        activeAt: z.string().nullish(),
        value: z.string().nullish(),
      }),
    )
    .nullish(),
});
const group = z.object({ name: z.string(), rules: z.array(rule) });
const answer = z.object({ groups: z.array(group) });

export type RunningRule = z.infer<typeof rule>;

export interface RuleState {
  readonly group: string;
  readonly rule: string;
  /** `other`: one of that name is there, with other labels, waits or numbers of rules. */
  readonly state: 'ok' | 'missing' | 'other' | 'failing' | 'not evaluated';
  /** In Prometheus' words where it has some. */
  readonly detail: string;
  /** RFC 3339; null: never. */
  readonly lastEvaluation: string | null;
}

/** An alert that waits or fires now. */
export interface ActiveAlert {
  readonly state: 'pending' | 'firing';
  /** Without `alertname`. */
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339; null: not told. */
  readonly activeAt: string | null;
  /** As Prometheus writes it. */
  readonly value: string;
}

/** Of one rule of one group, firing ones first. `data`: of the answer. Errors: Unavailable (it is no such answer). */
export function activeAlerts(groupName: string, ruleName: string, data: unknown): readonly ActiveAlert[] {
  const rules = runningGroups(data)
    .filter(({ name }) => name === groupName)
    .flatMap((one) => one.rules);
  const alerts = rules.filter(({ name }) => name === ruleName).flatMap((each) => each.alerts ?? []);
  return alerts
    .flatMap(({ state, labels: { alertname: _, ...labels }, activeAt, value }): readonly ActiveAlert[] =>
      state === 'firing' || state === 'pending' ? [{ state, labels, activeAt: activeAt ?? null, value: value ?? '' }] : [],
    )
    .toSorted((a, b) => Number(b.state === 'firing') - Number(a.state === 'firing'));
}

function runningGroups(data: unknown): z.infer<typeof answer>['groups'] {
  const read = answer.safeParse(data);
  if (read.success) return read.data.groups;
  throw new Unavailable(
    'Prometheus’ list of rules cannot be read.',
    'See what GET /api/v1/rules answers; a proxy in between may answer for it.',
  );
}

/** `data` of the answer. Errors: Unavailable (it is no such answer). One entry per name of a group. */
export function ruleStates(groups: readonly RuleGroup[], data: unknown): readonly RuleState[] {
  const running = runningGroups(data);
  return groups.flatMap(({ name, rules }) => {
    // The operator, and people, may load one group from several files.
    const found = running.filter((other) => other.name === name).flatMap((other) => other.rules);
    return [...new Set(rules.map(nameOf))].map((ruleName) =>
      stateOf(
        name,
        ruleName,
        rules.filter((each) => nameOf(each) === ruleName),
        found.filter((each) => each.name === ruleName),
      ),
    );
  });
}

function nameOf(each: Rule): string {
  return 'record' in each ? each.record : each.alert;
}

function stateOf(groupName: string, ruleName: string, wanted: readonly Rule[], found: readonly RunningRule[]): RuleState {
  const lastEvaluation =
    found
      .map((each) => each.lastEvaluation ?? '')
      .toSorted()
      .at(-1) ?? '';
  const isNever = lastEvaluation === '' || lastEvaluation.startsWith('0001-');
  const base = { group: groupName, rule: ruleName, lastEvaluation: isNever ? null : lastEvaluation };
  if (found.length === 0) return { ...base, state: 'missing', detail: 'Prometheus has no such rule in this group' };
  const failing = found.find(({ health }) => health === 'err');
  if (failing !== undefined) return { ...base, state: 'failing', detail: (failing.lastError ?? '').slice(0, 500) };
  const difference = wanted.map(showWanted).toSorted().join(' | ');
  const running = found.map(showRunning).toSorted().join(' | ');
  if (difference !== running) return { ...base, state: 'other', detail: `wanted ${difference}; running ${running}`.slice(0, 500) };
  if (isNever || found.some(({ health }) => health === 'unknown'))
    return { ...base, state: 'not evaluated', detail: 'loaded, not yet evaluated' };
  return { ...base, state: 'ok', detail: '' };
}

/** What can be compared: Prometheus writes expressions in its own style. */
function showWanted(each: Rule): string {
  if ('record' in each) return 'record';
  return show(each.labels, each.for ?? '', each.keep_firing_for ?? '');
}

function showRunning({ type, labels, duration: wait, keepFiringFor }: RunningRule): string {
  if (type === 'recording') return 'record';
  const seconds = (value: number | null | undefined) =>
    typeof value === 'number' && Number.isInteger(value) && value > 0 ? duration(value) : '';
  return show(labels ?? {}, seconds(wait), seconds(keepFiringFor));
}

function show(labels: Readonly<Record<string, string>>, wait: string, keep: string): string {
  const pairs = Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `{${pairs.join(', ')}}${wait === '' ? '' : ` for ${wait}`}${keep === '' ? '' : ` kept ${keep}`}`;
}
