/** JSON as clusters are written down in it: one value, a value per line, or values one after another (`kubectl get --watch -o json`). */
import { InvalidInput, type Place } from '../errors.ts';
import { type Document, isTooDeep, MAX_DEPTH, type Parsed, type Path } from './document.ts';
import { describeCut, locateInJson, scanJson } from './json-scan.ts';
import { placeAt } from './place.ts';

/** Errors: InvalidInput with the place of the first fault. */
export function parseJson(text: string, file: string): Parsed {
  const whole = tryParse(text);
  if (whole.ok) return { documents: [documentOf(text, file, whole.value, 0, null)], cutOff: null };
  const lines = parseLines(text, file);
  if (lines !== null) return { documents: lines, cutOff: null };
  return parseSequence(text, file);
}

type Attempt = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: SyntaxError };

function tryParse(text: string): Attempt {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    if (error instanceof SyntaxError) return { ok: false, error };
    throw error;
  }
}

/** null: not every line that holds something is a value of its own. */
function parseLines(text: string, file: string): Document[] | null {
  const documents: Document[] = [];
  let line = 0;
  for (let start = 0; start < text.length; ) {
    line++;
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const content = text.slice(start, end);
    if (content.trim() !== '') {
      const attempt = tryParse(content);
      if (!attempt.ok) return null;
      documents.push(documentOf(text, file, attempt.value, start, line));
    }
    start = end + 1;
  }
  return documents;
}

function parseSequence(text: string, file: string): Parsed {
  const scan = scanJson(text);
  const documents: Document[] = [];
  for (const [start, end] of scan.values) {
    const attempt = tryParse(text.slice(start, end));
    if (!attempt.ok) throw notJson(text, file, start, end, attempt.error);
    documents.push(documentOf(text, file, attempt.value, start, null));
  }
  if (scan.openFrom === null) return { documents, cutOff: null };
  return { documents, cutOff: { place: placeAt(text, text.trimEnd().length, file), ...describeCut(text, scan) } };
}

function documentOf(text: string, file: string, value: unknown, start: number, line: number | null): Document {
  const place = (path: Path): Place => placeAt(text, locateInJson(text, start, path), file);
  if (isTooDeep(value, MAX_DEPTH)) {
    throw new InvalidInput(
      `Values are nested more than ${MAX_DEPTH} deep here.`,
      'No Kubernetes object is: take this one out.',
      placeAt(text, start, file),
    );
  }
  return {
    value,
    place,
    cheapPlace: (path) => (line === null ? { file } : path.length === 0 ? { file, line, column: 1 } : { file, line }),
  };
}

function notJson(text: string, file: string, start: number, end: number, error: SyntaxError): InvalidInput {
  // V8 says where, except where the text ends too early; nothing else tells.
  const position = /at position (\d+)/.exec(error.message)?.[1];
  const offset = position === undefined ? end : start + Number(position);
  const found = text.codePointAt(offset);
  const what = found === undefined ? 'it ends too early' : `${JSON.stringify(String.fromCodePoint(found))} cannot stand here`;
  return new InvalidInput(
    `This is not JSON: ${what}.`,
    'Mend it, or write it again with kubectl get … -o json.',
    placeAt(text, offset, file),
  );
}
