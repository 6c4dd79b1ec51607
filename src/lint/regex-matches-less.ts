import type { Path } from '../manifests/document.ts';
import { coversWhole } from '../policy/regex.ts';
import type { Resource } from '../policy/resource.ts';
import { effectOf } from './effect.ts';
import { itemsAt, textAt } from './objects.ts';
import { samplesOf } from './regex-samples.ts';
import type { LintRule } from './rule.ts';

export const regexMatchesLess: LintRule = {
  code: 'regex-matches-less',
  title: 'a regular expression that does not take what it names',
  *check({ resources, snapshot }) {
    for (const object of resources.filter(({ kind }) => kind === 'HTTPRoute' || kind === 'GRPCRoute')) {
      for (const { path, pattern } of patternsIn(object)) {
        const whole = `^(?:${pattern})$`;
        const missed = samplesOf(pattern).filter((sample) => coversWhole(whole, sample) && !coversWhole(pattern, sample));
        const [first] = missed;
        if (first === undefined) continue;
        yield {
          severity: 'error',
          object,
          path,
          problem: `${pattern} does not take ${JSON.stringify(first)}: the proxy searches, and the first match that it finds must happen to cover the whole text.`,
          effect: `A request for it goes to another route, or to none. ${effectOf(snapshot, object)}`,
          right: `value: ${whole}`,
          edits: [{ set: path, value: whole }],
        };
      }
    }
  },
};

function patternsIn(object: Resource): readonly { readonly path: Path; readonly pattern: string }[] {
  return itemsAt(object, 'spec', 'rules').flatMap(([i, rule]) =>
    itemsAt(rule, 'matches').flatMap(([j, match]) => {
      const at: Path = ['spec', 'rules', i, 'matches', j];
      const own = textAt(match, 'path', 'type') === 'RegularExpression' ? textAt(match, 'path', 'value') : null;
      const listed = ['headers', 'queryParams'].flatMap((field) =>
        itemsAt(match, field).flatMap(([k, item]) => {
          const pattern = textAt(item, 'type') === 'RegularExpression' ? textAt(item, 'value') : null;
          return pattern === null ? [] : [{ path: [...at, field, k, 'value'], pattern }];
        }),
      );
      return [...(own === null ? [] : [{ path: [...at, 'path', 'value'], pattern: own }]), ...listed];
    }),
  );
}
