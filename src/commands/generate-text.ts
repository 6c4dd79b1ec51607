/** A plan to default deny: for a person, as YAML to apply, and as data. docs/generate.md documents the shape. */
import { manifestOf } from '../manifests/manifest.ts';
import { showYaml } from '../manifests/yaml-show.ts';
import type { Instant } from '../policy/resource.ts';
import { showInstant } from '../policy/time.ts';
import { some } from './can-text.ts';
import type { Plan, PlanStep } from './generate-plan.ts';
import type { SimulatedEntry } from './simulate-run.ts';
import { type Palette, safe, wrap } from './terminal.ts';

/** What the plan rests on. */
export interface Basis {
  readonly requests: number;
  readonly first: Instant | null;
  readonly last: Instant | null;
}

export function showPlan(plan: Plan, basis: Basis, columns: number, palette: Palette): readonly string[] {
  const para = (text: string, indent = '') => wrap(safe(text), columns, indent);
  return [
    palette.bold(safe(`${plan.namespace}: from today to default deny, in ${plan.steps.length} steps`)),
    ...para(basisWords(basis)),
    ...plan.steps.flatMap((step, i) => ['', ...stepLines(step, i + 1, columns, palette)]),
    '',
    ...(plan.notGranted.length === 0 ? [] : ['Seen, and not granted: decide.']),
    ...plan.notGranted.flatMap(({ client, server, port, request, count, why }) =>
      para(`${client} → ${server}:${port}${request === null ? '' : ` ${request}`}  ${times(count)}: ${why}`, '  '),
    ),
    ...(plan.guarded.length === 0 ? [] : para(`Left alone, a Server takes them already: ${some(plan.guarded, 12)}.`)),
    ...plan.notes.flatMap((note) => para(note)),
  ];
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count.toLocaleString('en')} times`;
}

function basisWords({ requests, first, last }: Basis): string {
  if (requests === 0) return 'No traffic was recorded: nobody is granted anything. Give --metrics or --logs, or ask a live cluster.';
  const span = first === null || last === null ? '' : ` from ${showInstant(first)} to ${showInstant(last)}`;
  return `It grants what was seen: ${requests.toLocaleString('en')} requests and connections${span}. What comes more rarely was not seen.`;
}

function stepLines(step: PlanStep, number: number, columns: number, palette: Palette): readonly string[] {
  const { title, watch, objects, denied, allowed, unchanged, undecided } = step;
  const para = (text: string) => wrap(safe(text), columns, '     ', '   ');
  return [
    palette.bold(safe(`${number}. ${title}`)),
    ...para(`newly denied: ${whoOf(denied)}; newly allowed: ${whoOf(allowed)}; unchanged: ${unchanged}; undecided: ${whoOf(undecided)}`),
    ...(watch === '' ? [] : para(watch)),
    ...yamlOf(objects)
      .trimEnd()
      .split('\n')
      .map((line) => `     ${line}`),
  ];
}

/** `sa/frontend → deploy/backend:8080`, the first few; `nobody`. */
export function whoOf(entries: readonly SimulatedEntry[]): string {
  if (entries.length === 0) return 'nobody';
  return some(
    entries.map(({ client, servers, port }) => `${client} → ${some(servers, 2)}:${port}`),
    4,
  );
}

function yamlOf(objects: PlanStep['objects']): string {
  return objects.map((object) => showYaml(manifestOf(object))).join('---\n');
}

/** Of one step, for `kubectl apply -f -`. */
export function showStep(step: PlanStep): string {
  return yamlOf(step.objects);
}

export function planData(
  { namespace, steps, notGranted, guarded, notes }: Plan,
  { requests, first, last }: Basis,
): Readonly<Record<string, unknown>> {
  return {
    form: 'denywhy.generate/1',
    namespace,
    observed: { requests, first: first === null ? null : showInstant(first), last: last === null ? null : showInstant(last) },
    steps: steps.map(({ objects, ...step }) => ({ ...step, objects: objects.map(manifestOf) })),
    notGranted,
    guarded,
    notes,
  };
}
