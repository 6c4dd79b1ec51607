/**
 * Findings that somebody has looked at and wants to hear no more of: a comment `# denywhy:ignore CODE reason` in the object's document, or an
 * annotation for objects without a file. A suppression without a reason suppresses nothing, and is a finding itself.
 */
import type { Resource } from '../policy/resource.ts';

/** Value: `CODE reason`, several of them separated by `;`. */
export const IGNORE_ANNOTATION = 'denywhy.dev/ignore';

export interface Suppression {
  readonly object: Resource;
  readonly code: string;
  readonly reason: string;
  /** Whether there is such a code. */
  readonly isKnown: boolean;
  /** Of the comment; null: it is an annotation. */
  readonly line: number | null;
}

const COMMENT = /#\s*denywhy:ignore\b[ \t]*(\S*)[ \t]*(.*)$/;

export function suppressionsIn(
  resources: readonly Resource[],
  files: ReadonlyMap<string, string>,
  codes: ReadonlySet<string>,
): readonly Suppression[] {
  const byFile = Map.groupBy(resources, ({ origin }) => origin?.file ?? '');
  const ofComments = [...byFile].flatMap(([file, objects]) => {
    const text = files.get(file);
    return text?.includes('denywhy:ignore') === true ? commentsIn(text, objects) : [];
  });
  return [...ofComments, ...resources.flatMap(annotated)].map((found) => ({ ...found, isKnown: codes.has(found.code) }));
}

type Found = Omit<Suppression, 'isKnown'>;

function annotated(object: Resource): readonly Found[] {
  const value = object.metadata.annotations?.[IGNORE_ANNOTATION];
  if (value === undefined) return [];
  return value
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [code = '', ...reason] = part.split(/\s+/);
      return { object, code, reason: reason.join(' '), line: null };
    });
}

function commentsIn(text: string, objects: readonly Resource[]): readonly Found[] {
  const lines = text.split('\n');
  const sorted = objects
    .filter(({ origin }) => origin?.line !== undefined)
    .toSorted((a, b) => (a.origin?.line ?? 0) - (b.origin?.line ?? 0));
  return lines.flatMap((line, i) => {
    const found = COMMENT.exec(line);
    const object = found === null ? undefined : ownerOf(i + 1, lines, sorted);
    return found === null || object === undefined ? [] : [{ object, code: found[1] ?? '', reason: (found[2] ?? '').trim(), line: i + 1 }];
  });
}

/** A comment before the first line of an object belongs to it; any other to the object around it. */
function ownerOf(line: number, lines: readonly string[], sorted: readonly Resource[]): Resource | undefined {
  let next = line;
  while (next <= lines.length && /^\s*(?:#.*|---.*)?$/.test(lines[next - 1] ?? '')) next++;
  const isBefore = lines[line - 1]?.trimStart().startsWith('#') === true;
  const following = isBefore ? sorted.find(({ origin }) => origin?.line === next) : undefined;
  return following ?? sorted.findLast(({ origin }) => (origin?.line ?? 0) <= line);
}
