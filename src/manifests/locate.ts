/** Where values of objects stand in the files that they were read from: for what is said about single fields. */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';
import type { Place } from '../errors.ts';
import type { Origin } from '../policy/resource.ts';
import type { Path } from './document.ts';
import { nodeAt } from './yaml-text.ts';

/** A larger file is a dump: of its objects only the beginning is told. */
const MOST_TEXT = 4_000_000;

export interface Locator {
  /** Of the value at `path`, or of the nearest one around it that is there; a mapping or list stands where its key does. */
  place(origin: Origin, path: Path): Place;
}

/** `files`: the texts by name. A text is parsed when it is first asked about, once. */
export function createLocator(files: ReadonlyMap<string, string>): Locator {
  const parsed = new Map<string, ReadonlyMap<string, Located>>();
  const objectsOf = (file: string): ReadonlyMap<string, Located> => {
    const known = parsed.get(file);
    if (known !== undefined) return known;
    const text = files.get(file);
    const objects = text === undefined || text.length > MOST_TEXT ? NONE : locateObjects(text);
    parsed.set(file, objects);
    return objects;
  };
  return {
    place({ file, line, column }, path) {
      const own = { ...(file === undefined ? {} : { file }), ...(line === undefined ? {} : { line, column: column ?? 1 }) };
      const object = file === undefined ? undefined : objectsOf(file).get(`${line}:${column}`);
      if (object === undefined) return own;
      const { line: found, col } = object.lines.linePos(offsetOf(object.node, path));
      return { ...own, line: found, column: col };
    },
  };
}

interface Located {
  readonly node: Node;
  readonly lines: LineCounter;
}
const NONE: ReadonlyMap<string, Located> = new Map();

/** Every mapping that may be an object, by the place at which it begins. */
function locateObjects(text: string): ReadonlyMap<string, Located> {
  const lines = new LineCounter();
  const objects = new Map<string, Located>();
  const content = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const add = (node: unknown): void => {
    if (!isMap(node) || node.range == null) return;
    const { line, col } = lines.linePos(node.range[0]);
    objects.set(`${line}:${col}`, { node, lines });
    const items = node.get('items');
    if (isSeq(items)) items.items.forEach(add);
    add(node.get('object'));
  };
  const documents = parseAllDocuments(content, { lineCounter: lines, uniqueKeys: false, logLevel: 'silent', prettyErrors: false });
  for (const document of documents) {
    if (!('contents' in document)) continue;
    if (isSeq(document.contents)) document.contents.items.forEach(add);
    else add(document.contents);
  }
  return objects;
}

function offsetOf(object: Node, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const { node, offset } = nodeAt(object, path.slice(0, length));
    if (node === null) continue;
    const { node: parent } = nodeAt(object, path.slice(0, length - 1));
    const pair = isMap(parent) && !isScalar(node) ? parent.items.find(({ value }) => value === node) : undefined;
    return pair !== undefined && isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
  }
  return object.range?.[0] ?? 0;
}
