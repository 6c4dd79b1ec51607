/** Leaf by leaf comparison of an expectation with our answer. */
import type { Json } from './read.ts';

export interface Difference {
  readonly field: string;
  readonly expected: Json | undefined;
  readonly got: Json | undefined;
}

/** One entry per leaf that differs; a part that only one side has is one entry. */
export function differences(expected: Json | undefined, got: Json | undefined, field = ''): readonly Difference[] {
  if (isTree(expected) && isTree(got) && Array.isArray(expected) === Array.isArray(got)) {
    const [e, g] = [expected as Record<string, Json>, got as Record<string, Json>];
    const keys = [...new Set([...Object.keys(e), ...Object.keys(g)])];
    return keys.flatMap((key) => differences(e[key], g[key], field === '' ? key : `${field}.${key}`));
  }
  return expected === got ? [] : [{ field, expected, got }];
}

function isTree(value: Json | undefined): value is Exclude<Json, null | boolean | number | string> {
  return typeof value === 'object' && value !== null;
}
