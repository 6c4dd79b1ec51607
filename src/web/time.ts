/** Times in UTC, with the reader's own beside them. */
import { useSyncExternalStore } from 'react';

/** `09:23:07 UTC` of today, `2026-11-23 09:23:07 UTC` of another day. */
export function utc(time: string, now: number): string {
  const [day = '', clock = ''] = new Date(time).toISOString().split('T');
  const today = new Date(now).toISOString().slice(0, 10);
  return `${day === today ? '' : `${day} `}${clock.slice(0, 8)} UTC`;
}

/** `10:23:07 your time`. */
export function local(time: string): string {
  return `${new Date(time).toLocaleTimeString('en-GB')} your time`;
}

/** `5 m 50 s`: the two largest parts. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(' ');
}

export function ago(time: string | null, now: number): string {
  return time === null ? 'never' : `${span(now - Date.parse(time))} ago`;
}

/** Allowed traffic that was seen within so many milliseconds proves that somebody looks. */
const FRESH = 10 * 60_000;

export function isFresh(time: string | null, now: number): boolean {
  return time !== null && now - Date.parse(time) <= FRESH;
}

/** The moment, anew every second. */
export function useNow(): number {
  return useSyncExternalStore(everySecond, () => moment);
}

/** How long ago that was; who uses it is made again when the text is another, not every second. */
export function useAgo(time: string | null): string {
  return useSyncExternalStore(everySecond, () => ago(time, moment));
}

/** One clock for all that is on the page. */
let moment = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function tick(): void {
  moment = Date.now();
  for (const listener of listeners) listener();
}

function everySecond(listener: () => void): () => void {
  if (listeners.size === 0) {
    moment = Date.now();
    timer = setInterval(tick, 1000);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) clearInterval(timer);
  };
}
