/** What `rules --check` prints. */
import type { RuleState } from '../alerting/loaded.ts';
import type { Instant } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';
import { safe } from './terminal.ts';

/** Good groups in one line each; everything else rule by rule. */
export function showStates(states: readonly RuleState[], place: string, now: Instant): string {
  const groups = [...new Set(states.map(({ group }) => group))];
  const lines = groups.flatMap((group) => {
    const own = states.filter((state) => state.group === group);
    const bad = own.filter(({ state }) => state !== 'ok');
    const good = own.length - bad.length;
    const head = `${bad.length === 0 ? '✓' : '✗'} ${group}: ${good} of ${own.length} rules loaded, healthy and evaluated${lastOf(own, now)}`;
    return [head, ...bad.map(({ rule, state, detail }) => `    ${rule}: ${state}${detail === '' ? '' : `: ${detail}`}`)];
  });
  const bad = states.some(({ state }) => state !== 'ok');
  const advice = bad
    ? ['', 'Apply the manifest again; a rule that stays missing was not selected: denywhy rules --cluster DUMP says why.']
    : [];
  return `${[place, ...lines, ...advice].map(safe).join('\n')}\n`;
}

function lastOf(states: readonly RuleState[], now: Instant): string {
  const times = states.flatMap(({ lastEvaluation }) => (lastEvaluation === null ? [] : [parseInstant(lastEvaluation)]));
  const last = times.reduce<Instant | null>((a, b) => (b === null || (a !== null && a > b) ? a : b), null);
  return last === null ? '' : `, last ${Math.max(0, Math.round((now - last) / 1000))} s ago`;
}
