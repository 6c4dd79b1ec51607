/**
 * Cuts YAML text into pieces that can be parsed one by one: documents, and the items of a list as kubectl prints it.
 * A large dump is one document; parsed whole it takes 80 times its size in memory.
 */

export interface Piece {
  readonly text: string;
  /** Offset of the piece in the whole text. */
  readonly start: number;
  /** `item`: one element of a sequence, with its dash; `list`: what is around the items. */
  readonly type: 'document' | 'item' | 'list';
}

/** null: the text has directives or explicit document ends and must be parsed whole. */
export function splitDocuments(text: string): Piece[] | null {
  if (/^(?:%|\.\.\.)/m.test(text)) return null;
  const pieces: Piece[] = [];
  let start = 0;
  for (const marker of text.matchAll(/^---(?=\s|$)/gm)) {
    if (marker.index > start) pieces.push({ text: text.slice(start, marker.index), start, type: 'document' });
    start = marker.index;
  }
  pieces.push({ text: text.slice(start), start, type: 'document' });
  return pieces;
}

/** The items of a document of the form `items:` and lines that begin with `- `, then what is around them; null: it has not this form. */
export function splitList(document: Piece): Piece[] | null {
  const { text } = document;
  const head = /^items:[ \t]*\r?\n(?=- )/m.exec(text);
  // An anchor may be used by another item, and a top-level line before the items that is no key may mean anything.
  if (head === null || /[&*]\S/.test(text.slice(0, head.index))) return null;
  const first = head.index + head[0].length;
  const pieces: Piece[] = [];
  let start = first;
  let end = text.length;
  for (let line = first; line < text.length; ) {
    const c = text[line];
    if (c === '-' && text[line + 1] === ' ') {
      if (line > start) pieces.push({ text: text.slice(start, line), start: document.start + start, type: 'item' });
      start = line;
    } else if (c !== ' ' && c !== '\n' && c !== '\r' && c !== '#') {
      end = line;
      break;
    }
    const newline = text.indexOf('\n', line);
    line = newline < 0 ? text.length : newline + 1;
  }
  pieces.push({ text: text.slice(start, end), start: document.start + start, type: 'item' });
  pieces.push({ text: `${text.slice(0, head.index)}items: []\n${text.slice(end)}`, start: document.start, type: 'list' });
  return pieces;
}
