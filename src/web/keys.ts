/** Single keys: off while somebody writes, and while a window stands before the page. */
import { useEffect, useRef } from 'react';

/** False: the key was not meant, and another may take it. */
export type Keys = Readonly<Record<string, (() => unknown) | undefined>>;

export function useKeys(keys: Keys): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTaken(event)) return;
      const run = current.current[event.key];
      if (run !== undefined && run() !== false) event.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}

function isTaken({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  if (document.querySelector('[role="dialog"]') !== null) return true;
  if (target.closest('input, textarea, select, [contenteditable]') !== null) return key !== 'Escape';
  return key === 'Enter' && target.closest('a, button, summary') !== null;
}
