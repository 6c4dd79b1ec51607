/** Long lists: rows are made as they come near the screen. Those that are there stay, so that find-in-page, selection and scrolling keep working. */
import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';
import { flushSync } from 'react-dom';

const FIRST = 40;
const MORE = 200;
/** Pixels below the screen within which rows are made. */
const AHEAD = '1500px';
/** Rows that stand ready behind one that is gone to. */
const BEHIND = 50;

export interface Growing {
  /** Rows to make. */
  readonly most: number;
  /** Stands behind the last row. */
  readonly end: RefObject<HTMLDivElement | null>;
  /** Makes the row at this place, and some behind it. */
  reach(position: number): void;
}

/** `first`: rows of the first screen. */
export function useGrowing(total: number, first = FIRST): Growing {
  const [most, setMost] = useState(first);
  const end = useRef<HTMLDivElement>(null);
  const isWhole = most >= total;
  useEffect(() => {
    if (isWhole || end.current === null) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) setMost(most + MORE);
      },
      { rootMargin: AHEAD },
    );
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [isWhole, most]);
  useEffect(() => {
    const printed = () => flushSync(() => setMost(total));
    window.addEventListener('beforeprint', printed);
    return () => window.removeEventListener('beforeprint', printed);
  }, [total]);
  const reach = useCallback((position: number) => setMost((before) => Math.max(before, position + BEHIND)), []);
  return { most, end, reach };
}
