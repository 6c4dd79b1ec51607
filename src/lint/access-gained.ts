import type { LintRule } from './rule.ts';
import { countOf, portsOf, shiftDrafts } from './shifts.ts';

export const accessGained: LintRule = {
  code: 'access-gained',
  title: 'applied to its cluster, it lets in somebody new',
  check: (scope) =>
    shiftDrafts(
      scope,
      'newly-allowed',
      ({ wide }) => (wide === null ? 'info' : 'warning'),
      (shifts) => ({
        problem: `It lets ${countOf(shifts)} into ${portsOf(shifts)}: refused as things stand.`,
        right: 'As it is, where exactly these are meant; else the ServiceAccounts one by one, on the narrowest target.',
      }),
    ),
};
