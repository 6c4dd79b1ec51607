/** Places in a text, and what is said about them. */
import type { Place } from '../errors.ts';
import type { Origin } from '../policy/resource.ts';

/** Something about a manifest that a person should know and that did not stop the reading. */
export interface Notice {
  readonly origin: Origin;
  readonly message: string;
}

/** The places of a text; line and column count from 1, the column in UTF-16 units. */
export interface Lines {
  place(offset: number, file: string): Required<Place>;
}

/** Finds the lines once, for many places. */
export function createLines(text: string): Lines {
  const starts: number[] = [0];
  for (let next = text.indexOf('\n'); next >= 0; next = text.indexOf('\n', next + 1)) starts.push(next + 1);
  return {
    place(offset, file) {
      const end = Math.min(offset, text.length);
      let low = 0;
      let high = starts.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >>> 1;
        if ((starts[middle] as number) <= end) low = middle;
        else high = middle - 1;
      }
      return { file, line: low + 1, column: end - (starts[low] as number) + 1 };
    },
  };
}

export function placeAt(text: string, offset: number, file: string): Required<Place> {
  return createLines(text).place(offset, file);
}

/** `file:line:column`, as far as it is known. */
export function showOrigin(origin: Origin): string {
  return [origin.file, origin.line, origin.column].filter((part) => part !== undefined).join(':');
}

/** Collects notices; the same thing said of many objects becomes one notice with a count. */
export interface NoticeBook {
  /** `topic` tells which notices are the same thing; the first one of a topic is kept. */
  add(topic: string, origin: Origin, message: string): void;
  all(): Notice[];
}

export function createNoticeBook(): NoticeBook {
  const topics = new Map<string, { readonly notice: Notice; count: number }>();
  return {
    add(topic, origin, message) {
      const known = topics.get(topic);
      if (known === undefined) topics.set(topic, { notice: { origin, message }, count: 1 });
      else known.count++;
    },
    all: () =>
      [...topics.values()].map(({ notice, count }) =>
        count === 1 ? notice : { ...notice, message: `${notice.message} (and ${(count - 1).toLocaleString('en')} more like it)` },
      ),
  };
}
