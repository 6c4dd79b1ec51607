import type { LintRule } from './rule.ts';
import { IGNORE_ANNOTATION } from './suppressions.ts';

export const suppressionWithoutReason: LintRule = {
  code: 'suppression-without-reason',
  title: 'a suppression says not why, or names no code',
  *check({ suppressions }) {
    for (const { object, code, reason, isKnown, line } of suppressions) {
      if (isKnown && reason !== '') continue;
      yield {
        severity: 'warning',
        object,
        path: ['metadata', 'annotations', IGNORE_ANNOTATION],
        ...(line === null ? {} : { line }),
        problem:
          code === '' ? 'It does not say what is ignored.' : isKnown ? `Nothing says why ${code} is ignored.` : `There is no code ${code}.`,
        effect: 'It suppresses nothing.',
        right: line === null ? `${IGNORE_ANNOTATION}: CODE reason` : '# denywhy:ignore CODE reason',
        edits: [],
      };
    }
  },
};
