/** Single keys: off while somebody writes, while a window stands before the page, and where the reader switched them off. */
import { useEffect, useRef } from 'react';

/** False: the key was not meant, and another may take it. */
export type Keys = Readonly<Record<string, (() => unknown) | undefined>>;

const OFF = 'denywhy-keys-off';

/** Speech input and slips of the hand press single keys that were not meant: a reader may do without them. Kept by the browser. */
export function areKeysOn(): boolean {
  try {
    return localStorage.getItem(OFF) === null;
  } catch {
    return true;
  }
}

/** Where the browser keeps nothing, they stay as they were. */
export function setKeysOn(isOn: boolean): void {
  try {
    if (isOn) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, 'yes');
  } catch {}
}

export function useKeys(keys: Keys): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTaken(event)) return;
      const run = current.current[event.key];
      if (run === undefined || !(areKeysOn() || isNeverOff(event.key))) return;
      if (run() !== false) event.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}

/** They are no characters, and nobody dictates them. */
function isNeverOff(key: string): boolean {
  return key === 'Escape' || key === 'Enter';
}

function isTaken({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  if (document.querySelector('[role="dialog"]') !== null) return true;
  if (target.closest('input, textarea, select, [contenteditable]') !== null) return key !== 'Escape';
  return key === 'Enter' && target.closest('a, button, summary') !== null;
}
