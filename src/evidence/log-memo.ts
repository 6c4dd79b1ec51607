/** A bounded memory of what was read from a text. */
import { ownCopy } from './log-text.ts';

const MAX_ENTRIES = 2000;
const MAX_KEY = 2000;

export interface Memo<T> {
  get(key: string): T | undefined;
  /** Forgets everything when full: in a log the same few texts come again and again. */
  set(key: string, value: T): T;
}

const SLOTS = 16;

interface Entry<T> {
  readonly key: string;
  readonly value: T;
}

export function createMemo<T>(): Memo<T> {
  const entries = new Map<string, Entry<T>>();
  // Comparing a text costs a third of hashing it, and it is mostly one of the last few.
  const slots: (Entry<T> | undefined)[] = Array.from({ length: SLOTS });
  return {
    get(key) {
      const end = key.length - 1;
      const slot = (end + key.charCodeAt(end) + key.charCodeAt(end - 2)) & (SLOTS - 1);
      const recent = slots[slot];
      if (recent !== undefined && recent.key === key) return recent.value;
      const entry = entries.get(key);
      if (entry !== undefined) slots[slot] = entry;
      return entry?.value;
    },
    set(key, value) {
      if (key.length > MAX_KEY || key === '') return value;
      if (entries.size >= MAX_ENTRIES) entries.clear();
      const own = ownCopy(key);
      entries.set(own, { key: own, value });
      return value;
    },
  };
}
