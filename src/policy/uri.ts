/** Request targets and authorities as Rust's crate `http` takes them apart (`http::uri`): what the proxy and the controller see of a URI. */

/** The path, without query and fragment; an empty one is `/`. */
export function pathOf(target: string): string {
  const end = endOfPath(target);
  return end === target.length ? target || '/' : target.slice(0, end) || '/';
}

/** What stands between `?` and `#`; null: there is no `?`. */
export function queryOf(target: string): string | null {
  const start = endOfPath(target);
  if (target.charCodeAt(start) !== QUESTION) return null;
  const hash = target.indexOf('#', start);
  return target.slice(start + 1, hash < 0 ? target.length : hash);
}

const QUESTION = 63;

function endOfPath(target: string): number {
  const question = target.indexOf('?');
  const hash = target.indexOf('#');
  if (question < 0) return hash < 0 ? target.length : hash;
  return hash < 0 ? question : Math.min(question, hash);
}

/** The host as it is written, trailing dot and brackets included; without user and port. */
export function hostOf(authority: string): string {
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  const end = host.startsWith('[') ? host.indexOf(']') + 1 : host.indexOf(':');
  return end < 0 ? host : host.slice(0, end);
}

/** null: there is none, or none that is a number up to 65,535. */
export function portOf(authority: string): number | null {
  const digits = authority.slice(authority.lastIndexOf(':') + 1);
  if (digits.length === authority.length || !/^\d{1,5}$/.test(digits)) return null;
  return Number(digits) <= 65_535 ? Number(digits) : null;
}

const PATH = /^[!-;=?-_a-~\u0080-\uffff]*$/;
const QUERY = /^[!$-;=?-~\u0080-\uffff]*$/;

/** True when path and query hold no character that a URI may not have. `"`, `{` and `}` are let through in paths, because clients send them. */
export function isPathAndQuery(target: string): boolean {
  return PATH.test(pathOf(target)) && QUERY.test(queryOf(target) ?? '');
}

/** Names and values of a query, form-decoded. */
export function formOf(query: string): URLSearchParams {
  // Node's parser mistakes bytes where characters beyond ASCII and broken percent signs meet. And it drops a `?` at the very front.
  const ascii = query.toWellFormed().replace(/[^\0-\x7f]+/g, encodeURIComponent);
  return new URLSearchParams(`&${ascii}`);
}

const SCHEME = /^[A-Za-z0-9+.~-]{1,64}:\/\//;
const AUTHORITY = /^[!$&-.0-;=@-Z_a-z~[\]%]+$/;
const ONE_BRACKET = /^[^[\]]*(?:\[[^[\]]*\][^[\]]*)?$/;

/** A host, with one port at most behind it, and a user before it. Percent signs may stand in the user and within brackets. */
function isAuthority(text: string): boolean {
  if (!AUTHORITY.test(text) || !ONE_BRACKET.test(text) || text.endsWith('@')) return false;
  const tail = text.slice(Math.max(text.lastIndexOf('@'), text.lastIndexOf(']')) + 1);
  return tail.split(':').length <= 2 && !tail.includes('%');
}

/**
 * The path of a text that is read as a whole URI, as probe paths are; null when it is none.
 * Without a leading slash a text is an authority, whose path is empty: a probe of `healthz` is authorized for no request at all.
 */
export function pathOfUri(text: string): string | null {
  if (text.startsWith('/') || text === '*') return isPathAndQuery(text) ? pathOf(text) : null;
  const scheme = SCHEME.exec(text);
  if (scheme === null) return isAuthority(text) ? '' : null;
  const rest = text.slice(scheme[0].length);
  const end = rest.search(/[/?#]/);
  const target = end < 0 ? '' : rest.slice(end);
  return isAuthority(end < 0 ? rest : rest.slice(0, end)) && isPathAndQuery(target) ? pathOf(target) : null;
}
