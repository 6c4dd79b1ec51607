/** Lines, or the elements of one JSON array, each as a line: Fluent Bit and Vector send arrays, most others lines. Memory is one of them. */
import { type BlockSplitter, createBlockSplitter, OVERSIZED_MARK } from '../evidence/log-lines.ts';

/** An element that is longer is nobody's log line. */
const MOST_BYTES = 8 * 2 ** 20;
const HEAD = 200;
/** Outside of its texts JSON has line feeds only between words, where a space does as well. */
const [LF, CR, SPACE] = [10, 13, 32];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE, QUOTE, BACKSLASH] = [91, 93, 123, 125, 34, 92];

/** An array of objects begins so; a plain log line, `[     0.1s]` or `[pod/x/y]`, does not. */
export function createRecordSplitter(): BlockSplitter {
  let head = Buffer.alloc(0);
  let chosen: BlockSplitter | null = null;
  return {
    push(chunk) {
      if (chosen !== null) return chosen.push(chunk);
      head = Buffer.concat([head, chunk]);
      const form = formOf(head);
      if (form === 'unknown' && head.length < 4096) return [];
      chosen = form === 'array' ? createArraySplitter() : createBlockSplitter();
      return chosen.push(head);
    },
    flush() {
      if (chosen !== null) return chosen.flush();
      const lines = createBlockSplitter();
      return [...lines.push(head), ...lines.flush()];
    },
  };
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === LF || byte === CR || byte === 9;
}

function formOf(head: Buffer): 'array' | 'lines' | 'unknown' {
  const marks = [...head.subarray(0, 4096)].filter(
    (byte, at) => !isSpace(byte) && !(at < 3 && (byte === 0xef || byte === 0xbb || byte === 0xbf)),
  );
  const [first, second] = marks;
  if (first === undefined || (first === OPEN_BRACKET && second === undefined)) return 'unknown';
  return first === OPEN_BRACKET && (second === OPEN_BRACE || second === CLOSE_BRACKET) ? 'array' : 'lines';
}

/** Each element as a line. What stands between them is not looked at: a comma too many is nobody's harm. */
function createArraySplitter(): BlockSplitter {
  const decoder = new TextDecoder();
  let depth = 0;
  let isText = false;
  let isEscaped = false;
  let parts: Uint8Array[] = [];
  let size = 0;
  let isTooLong = false;

  function keep(part: Uint8Array): void {
    size += part.length;
    if (size > MOST_BYTES && !isTooLong) {
      isTooLong = true;
      parts = [Buffer.concat([...parts, part.subarray(0, HEAD)]).subarray(0, HEAD)];
    } else if (!isTooLong) parts.push(part.map((byte) => (byte === LF || byte === CR ? SPACE : byte)));
  }

  function take(): string {
    const text = (isTooLong ? OVERSIZED_MARK : '') + decoder.decode(Buffer.concat(parts));
    parts = [];
    size = 0;
    isTooLong = false;
    return text;
  }

  return {
    push(chunk) {
      const elements: string[] = [];
      let from = depth > 1 ? 0 : -1;
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at] as number;
        if (isEscaped) isEscaped = false;
        else if (isText) {
          if (byte === BACKSLASH) isEscaped = true;
          else if (byte === QUOTE) isText = false;
        } else if (byte === QUOTE) isText = true;
        else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
          depth++;
          if (depth === 2) from = at;
        } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
          depth--;
          if (depth === 1 && from >= 0) {
            keep(chunk.subarray(from, at + 1));
            elements.push(take());
            from = -1;
          }
        }
      }
      if (from >= 0) keep(chunk.subarray(from));
      return elements;
    },
    flush: () => (size === 0 ? [] : [take()]),
  };
}
