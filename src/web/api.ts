/** The public API, as the window asks it. Addresses are relative to where the window begins, whatever a proxy puts before it. */
import type { Shapes } from './api-types.ts';

/** What the API says went wrong, and what to do about it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** 0: there was no answer. */
  readonly status: number;
  readonly remedy: string;
  /** In the text that was sent; null: in no place of it. */
  readonly place: NonNullable<Shapes['Problem']['place']> | null;

  constructor(status: number, message: string, remedy: string, place: ApiError['place'] = null) {
    super(message);
    this.place = place;
    this.status = status;
    this.remedy = remedy;
  }
}

/** `PREFIX/api/v1/PATH`. */
export function address(path: string): string {
  return new URL(`api/v1/${path}`, document.baseURI).href;
}

/** Errors: ApiError. */
export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return ask<T>('GET', path, undefined, signal);
}

/** Errors: ApiError. */
export function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return ask<T>('POST', path, body, signal);
}

/** Errors: ApiError. */
export async function remove(path: string): Promise<void> {
  await ask<null>('DELETE', path);
}

/** As text: a remedy in one of its forms. Errors: ApiError. */
export async function text(path: string): Promise<string> {
  return (await answer('GET', path)).text();
}

async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await answer(method, path, body, signal);
  return response.status === 204 || response.status === 202 ? (null as T) : ((await response.json()) as T);
}

async function answer(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const given = { ...(body === undefined ? {} : { body: JSON.stringify(body) }), ...(signal && { signal }) };
  let response: Response;
  try {
    response = await fetch(address(path), { method, headers, ...given });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiError(0, 'denywhy does not answer.', 'It is asked again in a moment; look whether its process runs.');
  }
  if (response.ok) return response;
  throw await errorOf(response);
}

async function errorOf(response: Response): Promise<ApiError> {
  try {
    const { detail, remedy, place = null } = (await response.json()) as Shapes['Problem'];
    return new ApiError(response.status, String(detail), String(remedy), place);
  } catch {
    return new ApiError(response.status, `The answer is ${response.status}, and not denywhy's.`, 'Look at the proxy before denywhy.');
  }
}
