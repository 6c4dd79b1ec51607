import type { Shift } from './against.ts';
import type { LintRule } from './rule.ts';
import { countOf, portsOf, shiftDrafts } from './shifts.ts';

export const accessLost: LintRule = {
  code: 'access-lost',
  title: 'applied to its cluster, it shuts out somebody',
  check: (scope) =>
    shiftDrafts(
      scope,
      'newly-denied',
      ({ kind }) => (kind === 'possible' ? 'info' : 'error'),
      (shifts) => ({
        problem: `It shuts out ${countOf(shifts)} from ${portsOf(shifts)}${seenOf(shifts, scope.against?.isObserved === true)}.`,
        right:
          'Name them in a policy (in a rule, of a NetworkPolicy) that is applied together with it. denywhy simulate --change shows each request.',
      }),
    ),
};

const SEEN: Readonly<Record<Shift['kind'], string>> = {
  observed: 'who was seen to call',
  probe: 'the kubelet’s probes',
  scrape: 'Prometheus',
  'control-plane': 'what the control plane needs',
  possible: '',
};

function seenOf(shifts: readonly Shift[], isObserved: boolean): string {
  const kinds = [...new Set(shifts.map(({ kind }) => SEEN[kind]))].filter((text) => text !== '');
  if (kinds.length > 0) return `: ${kinds.join(', ')}`;
  return isObserved ? ', and nobody of them was seen to call' : '; whether they call was not looked at (--logs, --metrics)';
}
