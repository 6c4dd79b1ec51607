/** What the shapes of the API are made of. */
import * as z from 'zod';

/** Shapes with a name in the document. */
export const SHAPES = z.registry<{ readonly id: string }>();

export function named<S extends z.ZodType>(id: string, schema: S): S {
  SHAPES.add(schema, { id });
  return schema;
}

export const time = z.iso.datetime().describe('RFC 3339, UTC');
export const count = z.int().nonnegative();
export const labels = named('Labels', z.strictObject({ group: z.string().max(253), kind: z.string().max(63), name: z.string().max(253) }));
