/** What a text was parsed into, whatever its syntax. */
import type { Place } from '../errors.ts';

/** Keys and indexes that lead from a document to one of its values. */
export type Path = readonly (string | number)[];

export interface Document {
  readonly value: unknown;
  /** Where a value begins; the nearest known place around it when it is absent. May read the text again: for faults and notices. */
  readonly place: (path: Path) => Place;
  /** Where a value begins as far as that costs nothing; becomes the origin of objects. */
  readonly cheapPlace: (path: Path) => Place;
}

/** Where an object begins, for notices: as cheaply as it can be had. */
export function objectPlace(document: Document, path: Path): Place {
  const cheap = document.cheapPlace(path);
  return cheap.line === undefined ? document.place(path) : cheap;
}

/** The text ends in the middle of something. */
export interface CutOff {
  /** The end of the text. */
  readonly place: Place;
  /** What is cut off, as far as it can be told: `Server "backend-http"`, `An object`, `The list`. */
  readonly what: string;
  /** Whole objects before it. */
  readonly before: number;
}

export interface Parsed {
  readonly documents: readonly Document[];
  readonly cutOff: CutOff | null;
}

/** How deep values may be nested. Kubernetes' own deepest kinds stay below 40. */
export const MAX_DEPTH = 100;

/** True when `value` is nested more than `left` deep. */
export function isTooDeep(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (left === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isTooDeep(item, left - 1));
  const fields = value as Record<string, unknown>;
  for (const key in fields) if (isTooDeep(fields[key], left - 1)) return true;
  return false;
}

/** The `what` of a CutOff. */
export function showCut(kind: string | null, name: string | null): string {
  if (kind === null) return 'An object';
  return name === null ? `${kind} without a name` : `${kind} "${name}"`;
}
