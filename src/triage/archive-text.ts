/** A store as text: NDJSON with a head that says what it is, a thing a line, and an end that says how many there were. docs/export.md has the form. */
import * as z from 'zod';
import { InvalidInput } from '../errors.ts';
import { OVERSIZED_MARK } from '../evidence/log-lines.ts';
import { type Archived, COLLECTIONS, type Json } from '../ports.ts';

const FORM = 'denywhy.export/1';

export interface ArchiveHead {
  /** The denywhy that wrote it. */
  readonly version: string;
  /** RFC 3339. */
  readonly at: string;
}

export function showHead({ version, at }: ArchiveHead): string {
  return `${JSON.stringify({ form: FORM, version, at })}\n`;
}

export function showThing(thing: Archived): string {
  return `${JSON.stringify(thing)}\n`;
}

export function showEnd(things: number): string {
  return `${JSON.stringify({ type: 'end', things })}\n`;
}

const head = z.object({ form: z.string(), version: z.string(), at: z.iso.datetime({ offset: true }) });
const json = z.unknown().refine((value) => value !== undefined, 'is missing') as unknown as z.ZodType<Json>;
const count = z.int().nonnegative();
const line = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('document'),
    collection: z.enum(COLLECTIONS),
    id: z.string(),
    revision: z.int().positive(),
    sort: z.number(),
    tags: z.array(z.string()),
    value: json,
  }),
  z.strictObject({ type: z.literal('batch'), id: z.string(), expiresAt: z.number() }),
  z.strictObject({ type: z.literal('event'), sequence: z.int().positive(), value: json }),
  z.strictObject({ type: z.literal('end'), things: count }),
]);

const WRITE_AGAIN = 'Write it again: denywhy export.';

/** Reads the things of a file, many at a time. Errors: InvalidInput, with the line: no export, a newer form, a broken line, cut off. */
export async function* readArchive(file: string, lines: AsyncIterable<readonly string[]>): AsyncGenerator<readonly Archived[]> {
  let number = 0;
  let things = 0;
  let isEnded = false;
  const fault = (message: string, remedy = WRITE_AGAIN) => new InvalidInput(message, remedy, { file, line: Math.max(1, number) });
  for await (const some of lines) {
    const read: Archived[] = [];
    for (const text of some) {
      number++;
      if (text === '') continue;
      if (isEnded) throw fault('Something follows the end of this export.');
      if (text.startsWith(OVERSIZED_MARK)) throw fault('This line is longer than 8 MiB.');
      const value = parse(text);
      if (number === 1) refuseForeign(value, fault);
      else {
        const result = line.safeParse(value);
        if (!result.success) throw fault(`This line is no part of an export: ${firstFault(result.error, value)}.`);
        if (result.data.type !== 'end') read.push(result.data);
        else if (result.data.things === things + read.length) isEnded = true;
        else throw fault(`${result.data.things} things were written, and ${things + read.length} stand here: some are missing.`);
      }
    }
    things += read.length;
    if (read.length > 0) yield read;
  }
  if (number === 0) throw fault('This is empty.', 'Give a file that denywhy export wrote.');
  if (!isEnded) throw fault('This export is cut off: its last line is missing.');
}

function refuseForeign(value: unknown, fault: (message: string, remedy?: string) => InvalidInput): void {
  const result = head.safeParse(value);
  if (!result.success || !result.data.form.startsWith('denywhy.export/'))
    throw fault('This is no export of denywhy.', 'Give a file that denywhy export wrote.');
  if (result.data.form !== FORM)
    throw fault(
      `This export was written by denywhy ${result.data.version.slice(0, 40)} in a form that is not known here (${result.data.form.slice(0, 40)}).`,
      'Import it with that denywhy, or a newer one.',
    );
}

/** undefined: it is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function firstFault(error: z.ZodError, value: unknown): string {
  const [issue] = error.issues;
  if (value === undefined || issue === undefined) return 'it is not JSON';
  return issue.path.length === 0 ? issue.message : `${issue.path.map(String).join('.').slice(0, 100)}: ${issue.message.slice(0, 200)}`;
}
