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

/** The same thing said of `count` objects, the first of which stands at `origin`. */
export interface CountedNotice extends Notice {
  /** Tells which notices are the same thing. */
  readonly topic: string;
  readonly count: number;
}

/** Collects notices; the same thing said of many objects becomes one, so that there are never more of them than things to say. */
export interface NoticeBook {
  /** `origin` is asked only for the first of a topic: it may be costly. */
  add(topic: string, origin: () => Origin, message: string): void;
  addAll(notices: readonly CountedNotice[]): void;
  counted(): CountedNotice[];
  /** For people: the counts in words. */
  all(): Notice[];
}

/** Each new topic may read the text again. */
const MAX_TOPICS = 50;

export function createNoticeBook(): NoticeBook {
  const topics = new Map<string, CountedNotice>();
  const put = (topic: string, count: number, first: () => Notice) => {
    const known = topics.get(topic);
    if (known !== undefined) topics.set(topic, { ...known, count: known.count + count });
    else if (topics.size < MAX_TOPICS) topics.set(topic, { ...first(), topic, count });
    else if (topic !== 'more') put('more', count, () => ({ origin: {}, message: 'More is to be said than is said here.' }));
    else topics.set(topic, { ...first(), topic, count });
  };
  return {
    add: (topic, origin, message) => put(topic, 1, () => ({ origin: origin(), message })),
    addAll: (notices) => {
      for (const notice of notices) put(notice.topic, notice.count, () => notice);
    },
    counted: () => [...topics.values()],
    all: () =>
      [...topics.values()].map(({ origin, message, count }) => ({
        origin,
        message: count === 1 ? message : `${message} (and ${(count - 1).toLocaleString('en')} more like it)`,
      })),
  };
}
