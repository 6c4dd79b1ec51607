/** What a comparison must notice. */
import type { Json, Rec } from './read.ts';

/** Copies with one leaf changed, one field or item left out, or one added. */
export function* alterations(value: Json): Iterable<Json> {
  if (Array.isArray(value)) {
    yield [...value, 'more'];
    for (const [i, item] of value.entries()) {
      yield value.toSpliced(i, 1);
      for (const other of alterations(item)) yield value.with(i, other);
    }
  } else if (typeof value === 'object' && value !== null) {
    const fields = value as Rec;
    yield { ...fields, added: true };
    for (const [key, item] of Object.entries(fields)) {
      yield Object.fromEntries(Object.entries(fields).filter(([k]) => k !== key));
      for (const other of alterations(item)) yield { ...fields, [key]: other };
    }
  } else if (typeof value === 'number') yield value + 1;
  else if (typeof value === 'boolean') yield !value;
  else yield value === null ? 'something' : `${value}x`;
}
