/** Filters of routes (linkerd2 `policy-controller/k8s/index/src/{inbound/index,routes}/{http,grpc}.rs`). One that Linkerd does not support spoils the whole route. */
import type { RedirectFilter, RouteFilter } from './inbound.ts';
import { isUnreadable, listOf, stringOr, type Unreadable } from './reading.ts';
import { isObject } from './selector.ts';

/** What a header's name and value may hold: tokens, and visible ASCII with blanks. */
export const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
export const HEADER_VALUE = /^[\t -~]*$/;

type Filter = Readonly<Record<string, unknown>>;

/** In Gateway API routes the field that is set says which filter it is, not `type`. */
const FIELDS = ['requestHeaderModifier', 'responseHeaderModifier', 'requestRedirect', 'requestMirror', 'urlRewrite', 'extensionRef'];
const NAMES = new Map([['urlRewrite', 'URLRewrite']]);

/** ResponseHeaderModifier is taken but never sent to the proxy. GRPCRoutes have no redirects. */
export function readFilters(value: unknown, isGrpc = false): readonly RouteFilter[] | Unreadable {
  const out: RouteFilter[] = [];
  for (const filter of listOf(value).filter(isObject)) {
    const field = FIELDS.find((name) => filter[name] != null && !(isGrpc && name === 'requestRedirect'));
    const type = field === undefined ? stringOr(filter['type'], '') : (NAMES.get(field) ?? field.charAt(0).toUpperCase() + field.slice(1));
    const read = readFilter(type, field === undefined ? null : filter[field]);
    if (isUnreadable(read)) return read;
    if (read.type !== 'ResponseHeaderModifier') out.push(read);
  }
  return out;
}

function readFilter(type: string, value: unknown): RouteFilter | Unreadable {
  if (type !== 'RequestHeaderModifier' && type !== 'ResponseHeaderModifier' && type !== 'RequestRedirect') {
    return { unreadable: `${type} filter is not supported` };
  }
  if (!isObject(value)) return { unreadable: 'No filter specified' };
  if (type === 'RequestRedirect') return readRedirect(value);
  const fault = faultOfModifier(value);
  return fault === null ? { type } : { unreadable: fault };
}

function faultOfModifier(modifier: Filter): string | null {
  const written = [...listOf(modifier['set']), ...listOf(modifier['add'])].filter(isObject);
  const names = [...written.map((header) => header['name']), ...listOf(modifier['remove'])];
  if (!names.every((name) => typeof name === 'string' && HEADER_NAME.test(name))) return 'invalid HTTP header name';
  const isValid = written.every((header) => typeof header['value'] === 'string' && HEADER_VALUE.test(header['value']));
  return isValid ? null : 'failed to parse header value';
}

function readRedirect(value: Filter): RedirectFilter | Unreadable {
  const path = isObject(value['path']) ? readRedirectPath(value['path']) : null;
  if (path !== null && isUnreadable(path)) return path;
  const status = value['statusCode'] ?? null;
  if (status !== null && !isWithin(status, 100, 999)) return { unreadable: 'invalid status code' };
  const hostname = stringOr(value['hostname'], '');
  return {
    type: 'RequestRedirect',
    scheme: stringOr(value['scheme'], null),
    hostname: hostname === '' ? null : hostname,
    port: isWithin(value['port'], 1, 65_535) ? value['port'] : null,
    path,
    statusCode: status,
  };
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

/** A full path goes before a prefix, whatever `type` says. */
function readRedirectPath(value: Filter): NonNullable<RedirectFilter['path']> | Unreadable {
  const full = stringOr(value['replaceFullPath'], null);
  const path = full ?? stringOr(value['replacePrefixMatch'], null);
  if (path === null) return { unreadable: 'RequestRedirect filter must contain either replace_full_path or replace_prefix_match' };
  if (!path.startsWith('/')) {
    const fault = `${JSON.stringify(path)} is not an absolute path`;
    return { unreadable: `RequestRedirect filters may only contain absolute paths (starting with '/'); ${fault}` };
  }
  return { type: full === null ? 'ReplacePrefixMatch' : 'ReplaceFullPath', value: path };
}
