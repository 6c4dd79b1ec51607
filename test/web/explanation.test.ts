/** What the window reads of an explanation and of a way out is what the service writes: a field that goes away does not compile. */
import { expectTypeOf, it } from 'vitest';
import type { dataOf } from '../../src/commands/explain-data.ts';
import type { wayOutData } from '../../src/commands/explain-remedies.ts';
import type { Explanation, Remedy } from '../../src/web/explanation.ts';

it('src/web/explanation.ts', () => {
  expectTypeOf<ReturnType<typeof dataOf>>().toExtend<Explanation>();
  expectTypeOf<NonNullable<ReturnType<typeof wayOutData>>['remedies'][number]>().toExtend<Remedy>();
});
