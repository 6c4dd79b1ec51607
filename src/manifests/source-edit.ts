/**
 * An edit of one object in the file it stands in: comments, order and form of everything else stay. What was written is read again and compared, so
 * that an edit which would say something else is none.
 */
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  parseAllDocuments,
  Scalar,
  stringify,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
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
  if (!text.endsWith('\n')) return editSource(`${text}\n`, object, old, now)?.replace(/\n$/, '') ?? null;
  const isByHand = text.length <= MOST_TEXT && !/^\s*[[{]/.test(text);
  const at = isByHand ? findObject(text, object) : null;
  if (at === null) return null;
  let edited = text;
  // From the end on, so that places before it stay right.
  const splices: Splice[] = [];
  for (const operation of jsonPatch(old, now)) {
    if (operation.op === 'test') continue;
    const path = pathOfPointer(operation.path);
    const splice = operation.op === 'remove' ? removal(text, at, path, now) : setting(text, at, path, operation.value);
    if (splice === null) return null;
    splices.push(...(Array.isArray(splice) ? splice : [splice]));
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
    if (!('contents' in document) || document.errors.length > 0 || lacksAnchor(document)) return null;
    const { contents } = document;
    if (kind === HELM_VALUES.kind && isMap(contents)) return contents;
    if (isIt(contents)) found.push(contents);
    const items = isMap(contents) ? contents.get('items') : contents;
    if (isSeq(items)) for (const item of items.items) if (isIt(item)) found.push(item);
  }
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** Whether an alias names an anchor that is not there. */
function lacksAnchor(document: Document.Parsed): boolean {
  let lacks = false;
  visit(document, {
    Alias(_, alias) {
      lacks ||= alias.resolve(document) === undefined;
    },
  });
  return lacks;
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

/** A key with its value; its comments stay, those behind it on lines of their own. */
function removal(text: string, object: YAMLMap, path: readonly string[], now: unknown): readonly Splice[] | null {
  const around = keysOf(object, path.slice(0, -1));
  const parent = around.length === 0 ? object : (object.getIn(around, true) as Node | undefined);
  if (!isMap(parent)) return null;
  const index = parent.items.findIndex(({ key }) => isScalar(key) && key.value === path.at(-1));
  const range = rangeOf(parent, index);
  if (range === null) return null;
  if (parent.flow === true) return [removalFromFlow(text, parent, index, range)];
  const left = around.reduce<unknown>((at, key) => (Array.isArray(at) ? at[Number(key)] : fieldsOf(at)?.[key]), now);
  if (Object.keys(fieldsOf(left) ?? {}).length === 0) return emptied(text, object, around, parent, range);
  const isFirstOfItem = text.slice(lineStart(text, range.start), range.start).trim() !== '';
  return isFirstOfItem ? removalBehindDash(text, parent, index, range) : [removalOfLines(text, range)];
}

interface Range {
  readonly start: number;
  readonly end: number;
  /** Of a mapping or list: it may have comments inside. */
  readonly isCollection: boolean;
}

/** From the beginning of a key to the end of its value. */
function rangeOf(parent: YAMLMap, index: number): Range | null {
  const pair = parent.items[index];
  const [key, value] = [pair?.key, pair?.value] as (Node | null | undefined)[];
  const end = value?.range?.[1] ?? key?.range?.[1];
  return key?.range == null || end === undefined ? null : { start: key.range[0], end, isCollection: isMap(value) || isSeq(value) };
}

function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1;
}

/** Behind the line break of the line in which it ends. */
function linesEnd(text: string, end: number): number {
  return text[end - 1] === '\n' ? end : text.indexOf('\n', end) + 1;
}

/** Whole lines; a comment behind the value gets one of its own. */
function removalOfLines(text: string, { start, end, isCollection }: Range): Splice {
  const [from, to] = [lineStart(text, start), linesEnd(text, end)];
  const behind = /^[ \t]+(#.*)$/.exec(text.slice(end, to).trimEnd())?.[1];
  const own = isCollection ? (text.slice(from, end).match(/^[ \t]*#.*\n/gm) ?? []) : [];
  return { start: from, end: to, text: [...own, ...(behind === undefined ? [] : [`${text.slice(from, start)}${behind}\n`])].join('') };
}

/** `- a: b` with more keys below: the next one moves behind the dash, unless comments stand between. */
function removalBehindDash(text: string, parent: YAMLMap, index: number, { start, end }: Range): readonly Splice[] | null {
  const next = rangeOf(parent, index + 1);
  if (next === null) return null;
  return [{ start, end: text.slice(end, next.start).includes('#') ? end : next.start, text: '' }];
}

/** The only key of a block mapping: `{}` in its place. */
function emptied(
  text: string,
  object: YAMLMap,
  around: readonly (string | number)[],
  parent: YAMLMap,
  range: Range,
): readonly Splice[] | null {
  if (around.length === 0 || parent.items.length !== 1) return null;
  const outer = around.length === 1 ? object : (object.getIn(around.slice(0, -1), true) as Node | undefined);
  if (isSeq(outer)) return [{ start: range.start, end: range.end, text: '{}' }];
  const key = isMap(outer) ? (outer.items.find(({ value }) => value === parent)?.key as Node | undefined) : undefined;
  if (key?.range == null) return null;
  const colon = text.indexOf(':', key.range[1]);
  // Up to a comment, behind an anchor or a tag.
  const before = /^[^#\n]*/.exec(text.slice(colon + 1, range.start))?.[0].trimEnd() ?? '';
  const at = colon + 1 + before.length;
  return [{ start: at, end: at, text: ' {}' }, removalOfLines(text, range)];
}

/** With its comma: the one behind it, of the last entry the one before. */
function removalFromFlow(text: string, parent: YAMLMap, index: number, { start, end }: Range): Splice {
  const [before, next] = [rangeOf(parent, index - 1), rangeOf(parent, index + 1)];
  const behind = next === null ? '' : text.slice(end, next.start);
  const ahead = before === null ? '' : text.slice(before.end, start);
  // Comments stay wherever they are, and a comma may stay at the end.
  if (next !== null && !behind.includes('#')) return { start, end: next.start, text: '' };
  if (next !== null) {
    const comma = /^(?:[^#,]|#[^\n]*\n)*/.exec(behind)?.[0] ?? '';
    return { start, end: end + comma.length + 1, text: comma };
  }
  return { start: before === null || ahead.includes('#') ? start : before.end, end, text: '' };
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
