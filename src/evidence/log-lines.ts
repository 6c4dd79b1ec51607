/** Bytes → lines, whole chunks at a time. Memory is bounded by one chunk and one line. */

/** A longer line is dropped but for its head. A Loki answer of a few thousand lines is one line, hence megabytes. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;
const HEAD_BYTES = 200;
const LF = 10;

/** Stands before the head of a line that was too long to keep. A noncharacter: text that starts with it is treated as such a line. */
export const OVERSIZED_MARK = '\uffff';

export interface BlockSplitter {
  /**
   * The lines that end in this chunk, as texts of one or more of them, without the last line feed.
   * Invalid UTF-8 becomes U+FFFD; carriage returns and a byte order mark stay.
   */
  push(chunk: Uint8Array): readonly string[];
  /** The last line, if the input did not end in a line feed. */
  flush(): readonly string[];
}

export function createBlockSplitter(): BlockSplitter {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let head: Uint8Array | null = null;

  function hold(part: Uint8Array): void {
    if (part.length === 0) return;
    if (head === null && heldBytes + part.length <= MAX_LINE_BYTES) {
      held.push(new Uint8Array(part));
      heldBytes += part.length;
    } else {
      head ??= join([...held, part.subarray(0, HEAD_BYTES)], HEAD_BYTES);
      held = [];
      heldBytes = 0;
    }
  }

  function takeHeld(end: Uint8Array): string {
    hold(end);
    const text = head === null ? decoder.decode(join(held, heldBytes)) : OVERSIZED_MARK + decoder.decode(head);
    held = [];
    heldBytes = 0;
    head = null;
    return text;
  }

  return {
    push(chunk) {
      const last = chunk.lastIndexOf(LF);
      if (last < 0) {
        hold(chunk);
        return [];
      }
      const first = heldBytes === 0 && head === null ? -1 : chunk.indexOf(LF);
      const blocks = first < 0 ? [] : [takeHeld(chunk.subarray(0, first))];
      if (first < last) blocks.push(decoder.decode(chunk.subarray(first + 1, last)));
      hold(chunk.subarray(last + 1));
      return blocks;
    },
    flush() {
      return heldBytes === 0 && head === null ? [] : [takeHeld(new Uint8Array(0))];
    },
  };
}

/** The lines of a byte stream in texts of several, as `LogParser.push` takes them. */
export async function* readBlocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const splitter = createBlockSplitter();
  for await (const chunk of chunks) yield* splitter.push(chunk);
  yield* splitter.flush();
}

/** The lines of a byte stream, in batches: awaiting each line would cost more than reading it. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly string[]> {
  for await (const block of readBlocks(chunks)) yield block.split('\n');
}

function join(parts: readonly Uint8Array[], limit: number): Uint8Array {
  const only = parts[0];
  if (parts.length === 1 && only !== undefined) return only.subarray(0, limit);
  const out = new Uint8Array(
    Math.min(
      limit,
      parts.reduce((sum, part) => sum + part.length, 0),
    ),
  );
  let at = 0;
  for (const part of parts) {
    const fitting = part.subarray(0, out.length - at);
    out.set(fitting, at);
    at += fitting.length;
  }
  return out;
}
