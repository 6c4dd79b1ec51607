/** A bounded memory of what was read from a text. */
import { ownCopy } from './log-text.ts';

const MAX_ENTRIES = 2000;
const MAX_KEY = 2000;

export interface Memo<T> {
  get(key: string): T | undefined;
  /** Forgets everything when full: in a log the same few texts come again and again. */
  set(key: string, value: T): T;
}

export function createMemo<T>(): Memo<T> {
  const entries = new Map<string, T>();
  return {
    get(key) {
      return entries.get(key);
    },
    set(key, value) {
      if (key.length > MAX_KEY) return value;
      if (entries.size >= MAX_ENTRIES) entries.clear();
      entries.set(ownCopy(key), value);
      return value;
    },
  };
}
