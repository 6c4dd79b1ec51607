/**
 * An edit of one object in the file it stands in: comments, order and form of everything else stay. What was written is read again and compared, so
 * that an edit which would say something else is none.
 */
import { isMap, isScalar, isSeq, type Node, type ParsedNode, parseAllDocuments, Scalar, stringify, type YAMLMap, type YAMLSeq } from 'yaml';
import { groupOf, type ObjectRef } from '../policy/resource.ts';
import { HELM_VALUES } from './helm-values.ts';
import { isEqual, jsonPatch, pathOfPointer } from './json-patch.ts';
import { fieldsOf } from './object.ts';
import { unifiedDiff } from './unified-diff.ts';

const OPTIONS = { schema: 'core', resolveKnownTags: false, prettyErrors: false, logLevel: 'silent' } as const;

/** A unified diff from `old` to `now` (as manifests have them). null: the object is not found there, or cannot be edited in place. */
export function editedDiff(text: string, file: string, object: ObjectRef, old: unknown, now: unknown): string | null {
  const edited = editSource(text, object, old, now);
  return edited === null ? null : unifiedDiff(file, text, edited);
}

/** Nobody edits a larger file by hand, nor JSON: these are dumps. */
const MOST_TEXT = 2_000_000;

/** The whole text after `change` of the object as it is written; null as above. */
export function changedSource(text: string, object: ObjectRef, change: (written: unknown) => unknown): string | null {
  const written: unknown = text.length > MOST_TEXT ? undefined : findObject(text, object)?.toJSON();
  return written === undefined ? null : editSource(text, object, written, change(written));
}

/** The whole text after the edit; null as above. */
function editSource(text: string, object: ObjectRef, old: unknown, now: unknown): string | null {
  const isByHand = text.length <= MOST_TEXT && !/^\s*[[{]/.test(text);
  const at = isByHand ? findObject(text, object) : null;
  if (at === null) return null;
  let edited = text;
  // From the end on, so that places before it stay right.
  const splices: Splice[] = [];
  for (const operation of jsonPatch(old, now)) {
    if (operation.op === 'test') continue;
    const path = pathOfPointer(operation.path);
    const splice = operation.op === 'remove' ? removal(text, at, path) : setting(text, at, path, operation.value);
    if (splice === null) return null;
    splices.push(splice);
  }
  for (const { start, end, text: put } of splices.toSorted((a, b) => b.start - a.start || b.end - a.end))
    edited = edited.slice(0, start) + put + edited.slice(end);
  const apiVersion = fieldsOf(now)?.['apiVersion'];
  const found = findObject(edited, typeof apiVersion === 'string' ? { ...object, group: groupOf(apiVersion) } : object);
  return found !== null && saysTheSame(found.toJSON(), at.toJSON(), old, now) ? edited : null;
}

interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The file may say more than was read (status, say): only what changes has to come out right. */
function saysTheSame(edited: unknown, source: unknown, old: unknown, now: unknown): boolean {
  const [a, b] = [jsonPatch(old, now), jsonPatch(source, edited)].map((operations) => operations.filter(({ op }) => op !== 'test'));
  return isEqual(a, b);
}

function findObject(text: string, { group, kind, namespace, name }: ObjectRef): YAMLMap<ParsedNode, ParsedNode | null> | null {
  const isIt = (node: unknown): node is YAMLMap<ParsedNode, ParsedNode | null> => {
    if (!isMap(node) || node.get('kind') !== kind || groupOf(String(node.get('apiVersion'))) !== group) return false;
    const metadata = node.get('metadata');
    if (!isMap(metadata) || metadata.get('name') !== name) return false;
    const written = metadata.get('namespace');
    return written === undefined || written === null || written === namespace;
  };
  const found: YAMLMap<ParsedNode, ParsedNode | null>[] = [];
  for (const document of parseAllDocuments(text, OPTIONS)) {
    if (!('contents' in document) || document.errors.length > 0) return null;
    const { contents } = document;
    if (kind === HELM_VALUES.kind && isMap(contents)) return contents;
    if (isIt(contents)) found.push(contents);
    const items = isMap(contents) ? contents.get('items') : contents;
    if (isSeq(items)) for (const item of items.items) if (isIt(item)) found.push(item);
  }
  return found.length === 1 ? (found[0] ?? null) : null;
}

function setting(text: string, object: YAMLMap, path: readonly string[], value: unknown): Splice | null {
  const node = object.getIn(keysOf(object, path), true) as Node | undefined;
  if (node === undefined) return addition(text, object, path, value);
  if (node.range == null) return null;
  const [start, end] = node.range;
  if (isScalar(node) && (typeof value !== 'object' || value === null)) {
    const put = scalarText(node, value);
    return put === null ? null : { start, end, text: put };
  }
  if (isSeq(node) && Array.isArray(value)) return growth(text, node, value);
  return isMap(node) || isSeq(node) ? rewritten(text, node, value) : null;
}

/** In the quotes that stand there. */
function scalarText(node: Scalar, value: unknown): string | null {
  if (node.type === 'BLOCK_FOLDED' || node.type === 'BLOCK_LITERAL') return null;
  if (typeof value === 'string' && node.type === 'QUOTE_SINGLE' && !/[\n\p{Cc}]/u.test(value)) return `'${value.replaceAll("'", "''")}'`;
  if (typeof value === 'string' && node.type === 'QUOTE_DOUBLE') return JSON.stringify(value);
  return inline(value);
}

function inline(value: unknown): string {
  const scalar = new Scalar(value);
  return stringify(scalar, { lineWidth: 0 }).trimEnd();
}

/** A list that keeps its beginning and gets more at its end; any other becomes a new one. */
function growth(text: string, list: YAMLSeq, value: readonly unknown[]): Splice | null {
  const old = list.toJSON() as readonly unknown[];
  const last = list.items.at(-1) as Node | undefined;
  const isLonger = value.length > old.length && old.every((item, i) => isEqual(item, value[i]));
  if (!isLonger || last?.range == null) return rewritten(text, list, value);
  const more = value.slice(old.length);
  if (list.flow === true)
    return { start: last.range[1], end: last.range[1], text: more.map((item) => `, ${JSON.stringify(item)}`).join('') };
  const column = dashColumn(text, last.range[0]);
  return column === null ? null : afterLine(text, last.range[1], more.map((item) => block([item], column)).join(''));
}

/** The column of the dash before an item of a block list. */
function dashColumn(text: string, start: number): number | null {
  const line = text.lastIndexOf('\n', start - 1) + 1;
  const before = /^( *)(?:- +)*- +$/.exec(text.slice(line, start));
  return before === null ? null : text.slice(line, start).lastIndexOf('-');
}

/** Behind the line in which the value ends. */
function afterLine(text: string, end: number, put: string): Splice {
  let at = end;
  if (text[at - 1] !== '\n') {
    const newline = text.indexOf('\n', at);
    if (newline < 0) return { start: text.length, end: text.length, text: `\n${put.replace(/\n$/, '')}` };
    at = newline + 1;
  }
  return { start: at, end: at, text: put };
}

/** As block YAML whose every line begins at the column. */
function block(value: unknown, column: number): string {
  const pad = ' '.repeat(column);
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, indentSeq: false })
    .split('\n')
    .map((line) => (line === '' ? '' : pad + line))
    .join('\n');
}

/** A mapping or list in the place of another one, in its form. */
function rewritten(text: string, node: YAMLMap | YAMLSeq, value: unknown): Splice | null {
  if (node.range == null || typeof value !== 'object' || value === null) return null;
  const [start, end] = node.range;
  if (node.flow === true) return { start, end, text: JSON.stringify(value) };
  const line = text.lastIndexOf('\n', start - 1) + 1;
  const column = start - line;
  const [first = '', ...rest] = block(value, column).trimEnd().split('\n');
  return { start, end: text[end - 1] === '\n' ? end - 1 : end, text: [first.slice(column), ...rest].join('\n') };
}

/** A new key of a mapping that stands there. */
function addition(text: string, object: YAMLMap, path: readonly string[], value: unknown): Splice | null {
  const parent = path.length === 1 ? object : (object.getIn(keysOf(object, path.slice(0, -1)), true) as Node | undefined);
  const key = path.at(-1);
  if (!isMap(parent) || parent.range == null || key === undefined) return null;
  const last = parent.items.at(-1);
  const [lastKey, lastValue] = [last?.key, last?.value] as (Node | undefined)[];
  if (parent.flow === true) {
    const end = lastValue?.range?.[1] ?? lastKey?.range?.[1];
    return end === undefined ? null : { start: end, end, text: `, ${JSON.stringify(key)}: ${JSON.stringify(value)}` };
  }
  const firstKey = parent.items[0]?.key as Node | undefined;
  const end = lastValue?.range?.[1] ?? lastKey?.range?.[1];
  if (firstKey?.range == null || end === undefined) return null;
  const column = firstKey.range[0] - (text.lastIndexOf('\n', firstKey.range[0] - 1) + 1);
  return afterLine(text, end, block({ [key]: value }, column));
}

/** A key of a block mapping with its lines; comments on lines of their own stay. An entry of a flow mapping is not taken out here. */
function removal(text: string, object: YAMLMap, path: readonly string[]): Splice | null {
  const parent = path.length === 1 ? object : (object.getIn(keysOf(object, path.slice(0, -1)), true) as Node | undefined);
  if (!isMap(parent) || parent.flow === true) return null;
  const pair = parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1));
  const [key, value] = [pair?.key, pair?.value] as (Node | undefined)[];
  if (key?.range == null || value?.range == null || parent.items.length === 1) return null;
  const start = text.lastIndexOf('\n', key.range[0] - 1) + 1;
  if (text.slice(start, key.range[0]).trim() !== '') return null;
  const end = text[value.range[1] - 1] === '\n' ? value.range[1] : text.indexOf('\n', value.range[1]) + 1;
  if (end <= 0) return null;
  const comments = text.slice(start, end).match(/^[ \t]*#.*\n/gm) ?? [];
  return { start, end, text: comments.join('') };
}

/** Indexes as numbers where a list stands. */
function keysOf(object: YAMLMap, path: readonly string[]): readonly (string | number)[] {
  let node: unknown = object;
  return path.map((part) => {
    const key = isSeq(node) ? Number(part) : part;
    node = isMap(node) || isSeq(node) ? node.get(key, true) : undefined;
    return key;
  });
}
