/** Where the window is: the path below its base, and the filters behind the question mark. Deep links and the back button work. */
import { useSyncExternalStore } from 'react';

/** Pages at an address of their own name. */
const NAMED = ['policy', 'simulate', 'posture', 'rules', 'status'] as const;

export interface Route {
  readonly page: 'incidents' | 'incident' | (typeof NAMED)[number] | 'nowhere';
  /** Of the incident. */
  readonly id: string;
  readonly query: URLSearchParams;
}

const listeners = new Set<() => void>();
window.addEventListener('popstate', () => tell());

function tell(): void {
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useRoute(): Route {
  return routeOf(useSyncExternalStore(subscribe, () => window.location.href));
}

export function routeOf(href: string): Route {
  const { pathname, searchParams } = new URL(href);
  const path = pathname.slice(BASE.length);
  const [, id = ''] = /^incidents\/([\w-]+)$/.exec(path) ?? [];
  const named = NAMED.find((name) => name === path);
  const page = path === '' ? 'incidents' : id !== '' ? 'incident' : (named ?? 'nowhere');
  return { page, id, query: searchParams };
}

// A base stays where it is when the address changes, since it was resolved against the address of the first page.
const BASE = new URL(document.baseURI).pathname;
document.querySelector('base')?.setAttribute('href', BASE);

/** The address of a place of the window: `status`, `incidents/ID`, `?namespace=shop`. */
export function hrefOf(place: string): string {
  return BASE + place;
}

export function go(place: string): void {
  window.history.pushState(null, '', hrefOf(place));
  window.scrollTo(0, 0);
  tell();
}

/** Changes filters in place: they are no steps back. An empty value takes one away. */
export function setQuery(changes: Readonly<Record<string, string>>): void {
  const url = new URL(window.location.href);
  for (const [name, value] of Object.entries(changes))
    if (value === '') url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  window.history.replaceState(null, '', url);
  tell();
}
