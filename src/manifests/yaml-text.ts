/** YAML as clusters are written down in it: documents, and lists of objects. */
import {
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  parseAllDocuments,
  type YAMLError,
  type Document as YamlDocument,
} from 'yaml';
import { InvalidInput } from '../errors.ts';
import { type CutOff, type Document, type Parsed, type Path, showCut } from './document.ts';
import { fieldsOf } from './object.ts';
import { createLines, type Lines } from './place.ts';
import { type Piece, splitDocuments, splitList } from './yaml-split.ts';
import { tooDeep, toValue, YamlFault } from './yaml-value.ts';

interface Source {
  readonly text: string;
  readonly file: string;
  readonly lines: Lines;
}

const OPTIONS = {
  schema: 'core',
  resolveKnownTags: false,
  // `yaml` compares each key with each other one; yaml-value.ts finds repeated keys in linear time.
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

/** Errors: InvalidInput with the place of the first fault. */
export function parseYaml(text: string, file: string): Parsed {
  const source: Source = { text, file, lines: createLines(text) };
  const pieces = splitDocuments(text) ?? [{ text, start: 0, type: 'document' as const }];
  const documents: Document[] = [];
  for (const [i, piece] of pieces.entries()) {
    try {
      for (const document of parseList(piece, source) ?? parsePiece(piece, source)) documents.push(document);
    } catch (error) {
      if (!(error instanceof YamlFault)) throw error;
      const cutOff = i === pieces.length - 1 && endsInLastLine(text, error.offset) ? cutOffAt(piece, source, documents.length) : null;
      if (cutOff !== null) return { documents, cutOff };
      throw new InvalidInput(error.message, error.remedy, source.lines.place(error.offset, file));
    }
  }
  return { documents, cutOff: unfinished(documents, source) };
}

/** Throws YamlFault with an offset in the whole text. */
function parsePiece(piece: Piece, source: Source): Document[] {
  const out: Document[] = [];
  for (const [i, document] of compose(piece).entries()) {
    const [error] = document.errors;
    if (error !== undefined) throw faultOf(error, piece, source.text);
    const contents = document.contents;
    if (contents === null || (isScalar(contents) && contents.value === null)) continue;
    const value = shifted(piece, source.text, () => toValue(contents));
    const items = nodeAt(contents, ['items']).node;
    const offsets = isSeq(items) ? items.items.map((item) => piece.start + offsetOf(item)) : [];
    out.push(documentOf(value, piece.start + offsetOf(contents), offsets, (path) => offsetIn(piece, i, path), source));
  }
  return out;
}

/** A list item by item; null: it is no such list, or something in it needs the whole. */
function parseList(piece: Piece, source: Source): Document[] | null {
  const parts = splitList(piece);
  const around = parts?.pop();
  if (parts === null || around === undefined) return null;
  try {
    const items: unknown[] = [];
    for (const part of parts) {
      const [document, ...more] = parsePiece(part, source);
      if (document === undefined || more.length > 0 || !Array.isArray(document.value) || document.value.length !== 1) return null;
      items.push(document.value[0]);
    }
    const [list] = parsePiece(around, source);
    if (typeof list?.value !== 'object' || list.value === null || Array.isArray(list.value)) return null;
    const offsetOfPath = ([key, index, ...path]: Path): number => {
      const part = key === 'items' ? parts[Number(index)] : undefined;
      return part === undefined ? piece.start : offsetIn(part, 0, [0, ...path]);
    };
    const offsets = parts.map((part) => part.start + 2);
    return [documentOf({ ...list.value, items }, piece.start, offsets, offsetOfPath, source)];
  } catch (error) {
    // Parsed whole, the fault has its right place, or was none.
    if (error instanceof YamlFault) return null;
    throw error;
  }
}

function documentOf(
  value: unknown,
  root: number,
  items: readonly number[],
  offsetOfPath: (path: Path) => number,
  { lines, file }: Source,
): Document {
  return {
    value,
    place: (path) => lines.place(offsetOfPath(path), file),
    cheapPlace: ([key, index]) => lines.place((key === 'items' && typeof index === 'number' ? items[index] : undefined) ?? root, file),
  };
}

function compose(piece: Piece): readonly YamlDocument<ParsedNode>[] {
  try {
    return [...parseAllDocuments(piece.text, OPTIONS)] as YamlDocument<ParsedNode>[];
  } catch (error) {
    // `yaml` walks nested values by recursion.
    if (error instanceof RangeError) throw tooDeep(piece.start);
    throw error;
  }
}

/** Runs what may throw YamlFaults of the piece, and makes them faults of the whole text. */
function shifted<T>(piece: Piece, text: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error;
    throw templateFault(text, piece.start + error.offset) ?? new YamlFault(error.message, error.remedy, piece.start + error.offset);
  }
}

/** Where a value stands, in the whole text; the piece is parsed again, so that no tree has to be kept. */
function offsetIn(piece: Piece, index: number, path: Path): number {
  return piece.start + nodeAt(compose(piece)[index]?.contents ?? null, path).offset;
}

/** The node at `path`, or null and the offset of the innermost node on the way to it. */
export function nodeAt(root: Node | null, path: Path): { node: Node | null; offset: number } {
  let node: Node | null = root;
  let offset = offsetOf(root);
  for (const step of path) {
    let next: unknown = null;
    if (isMap(node)) next = node.items.find(({ key }) => isScalar(key) && String(key.source ?? key.value) === String(step))?.value;
    else if (isSeq(node)) next = node.items[Number(step)];
    if (!isNode(next)) return { node: null, offset };
    node = next;
    offset = offsetOf(node);
  }
  return { node, offset };
}

function offsetOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

const MEND = 'Mend it; kubectl apply --dry-run=client -f FILE stops at the same place.';

function faultOf(error: YAMLError, piece: Piece, text: string): YamlFault {
  const offset = piece.start + error.pos[0];
  const template = templateFault(text, offset);
  if (template !== null) return template;
  if (error.code === 'RESOURCE_EXHAUSTION') return tooDeep(offset);
  if (error.code === 'TAB_AS_INDENT')
    return new YamlFault('A tab indents this line; YAML takes spaces only.', 'Replace the tab by spaces.', offset);
  if (error.code === 'MISSING_CHAR') return new YamlFault('A quote or bracket that was opened is not closed before this.', MEND, offset);
  return new YamlFault(`This is not YAML: ${error.message.slice(0, 200)}.`, MEND, offset);
}

/** Helm templates fail somewhere near their braces; null: there are none. */
function templateFault(text: string, offset: number): YamlFault | null {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', offset);
  const line = text.slice(start, end < 0 ? text.length : end);
  const braces = line.slice(0, 10_000).indexOf('{{');
  if (braces < 0) return null;
  return new YamlFault('This is a template, not a manifest.', 'Render it first: helm template … > rendered.yaml', start + braces);
}

function endsInLastLine(text: string, offset: number): boolean {
  return !text.endsWith('\n') && text.indexOf('\n', offset) < 0;
}

/** A dump that ends between two lines is still YAML: what kubectl writes last is missing. */
function unfinished(documents: readonly Document[], { text, file, lines }: Source): CutOff | null {
  const last = documents.at(-1)?.value;
  if (typeof last !== 'object' || last === null || Array.isArray(last)) return null;
  const place = lines.place(text.trimEnd().length, file);
  const items = (last as Record<string, unknown>)['items'];
  if (Array.isArray(items) && !('kind' in last)) {
    return { place, what: nameOf(items.at(-1)), before: documents.length - 1 + Math.max(0, items.length - 1) };
  }
  const isWhole = 'metadata' in last || 'object' in last || !('apiVersion' in last);
  return isWhole || text.endsWith('\n') || documents.length === 1 ? null : { place, what: nameOf(last), before: documents.length - 1 };
}

/** null: nothing tells that more was to come. */
function cutOffAt(piece: Piece, { text, file, lines }: Source, documents: number): CutOff | null {
  const contents = compose(piece)[0]?.contents ?? null;
  const items = nodeAt(contents, ['items']).node;
  const last = isSeq(items) ? items.items.at(-1) : contents;
  const textAt = (path: Path) => {
    const { node } = nodeAt(isNode(last) ? last : null, path);
    return isScalar(node) && typeof node.value === 'string' ? node.value : null;
  };
  const kind = textAt(['kind']);
  const before = documents + (isSeq(items) ? Math.max(0, items.items.length - 1) : 0);
  if (before === 0 && kind === null) return null;
  return { place: lines.place(text.trimEnd().length, file), what: showCut(kind, textAt(['metadata', 'name'])), before };
}

function nameOf(value: unknown): string {
  const object = fieldsOf(value);
  const [kind, name] = [object?.['kind'], fieldsOf(object?.['metadata'])?.['name']];
  return showCut(typeof kind === 'string' ? kind : null, typeof name === 'string' ? name : null);
}
