/** Objects → findings, in the order of their places. */
import { createLocator, type Locator } from '../manifests/locate.ts';
import { objectKey, type Resource, refOf } from '../policy/resource.ts';
import type { Draft, LintFinding, Severity } from './finding.ts';
import { RULES } from './index.ts';
import type { Scope } from './rule.ts';
import { suppressionsIn } from './suppressions.ts';

export type PlacedFinding = LintFinding & { readonly place: ReturnType<Locator['place']> };

const CODES: ReadonlySet<string> = new Set(RULES.map(({ code }) => code));
const WEIGHT: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** `files`: the texts that the objects stand in, for places and comments. */
export function lint(scope: Omit<Scope, 'suppressions'>, files: ReadonlyMap<string, string>): readonly PlacedFinding[] {
  const suppressions = suppressionsIn(scope.resources, files, CODES);
  const reasons = new Map(
    suppressions.flatMap(({ object, code, reason }) => (reason === '' ? [] : [[`${code} ${keyOf(object)}`, reason] as const])),
  );
  const locator = createLocator(files);
  return RULES.flatMap(({ code, check }) =>
    [...check({ ...scope, suppressions })].map((draft) => {
      const suppressed = reasons.get(`${code} ${keyOf(draft.object)}`) ?? null;
      return { ...draft, code, suppressed, place: placeOf(draft, locator) };
    }),
  ).toSorted(comparePlaces);
}

function placeOf({ object, path, line }: Draft, locator: Locator): PlacedFinding['place'] {
  const origin = object.origin ?? {};
  return line === undefined
    ? locator.place(origin, path)
    : { ...(origin.file === undefined ? {} : { file: origin.file }), line, column: 1 };
}

function keyOf(object: Resource): string {
  return objectKey(refOf(object));
}

function comparePlaces(a: PlacedFinding, b: PlacedFinding): number {
  const order = (...parts: readonly (readonly [string | number, string | number])[]): number => {
    const [one, other] = parts.find(([x, y]) => x !== y) ?? [0, 0];
    return one === other ? 0 : one < other ? -1 : 1;
  };
  return order(
    [a.place.file ?? '', b.place.file ?? ''],
    [a.place.line ?? 0, b.place.line ?? 0],
    [a.place.column ?? 0, b.place.column ?? 0],
    [keyOf(a.object), keyOf(b.object)],
    [WEIGHT[a.severity], WEIGHT[b.severity]],
    [a.code, b.code],
  );
}
