/** JSON as an upstream answers it, and what to say when it is none. */
import { Unavailable } from '../errors.ts';

type Fields = Readonly<Record<string, unknown>>;

const NONE: Fields = {};

/** The fields of an object; none of anything else. */
export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : NONE;
}

/** Errors: Unavailable. */
export function parseAnswer(text: string, place: string): unknown {
  assertJson(text, place);
  try {
    return JSON.parse(text);
  } catch {
    throw liar(place, 'answered with JSON that is cut off or broken');
  }
}

/** HTML and the like come from what stands between. Looks at the beginning only. Errors: Unavailable. */
export function assertJson(text: string, place: string): void {
  const first = text.trimStart()[0];
  if (first === '{' || first === '[') return;
  throw liar(place, first === '<' ? 'answered with a page instead of JSON' : 'answered with something else than JSON');
}

export function liar(place: string, what: string): Unavailable {
  return new Unavailable(`${place} ${what}.`, 'Is this its address? A login page or an ingress may stand between, or a path is missing.');
}
