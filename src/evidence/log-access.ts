/** Access log lines, in JSON and in Apache's common form (linkerd2-proxy `linkerd/http/access-log/src/`, `linkerd/tracing/src/access_log.rs`; facts §3.17). */
import type { ClientTls } from '../policy/evaluation.ts';
import type { Instant } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';
import { ACCESS } from './conventions.ts';
import type { RequestTrace } from './facts.ts';
import { type Access, client } from './log-reading.ts';
import { readSocketAddress } from './log-text.ts';

export interface TimedAccess {
  readonly access: Access;
  /** When the request arrived. */
  readonly at: Instant | null;
}

/** null: not an access log line. */
export function readJsonAccess(object: Readonly<Record<string, unknown>>): TimedAccess | null {
  const text = (key: string) => (Object.hasOwn(object, key) && typeof object[key] === 'string' ? object[key] : '');
  const status = Object.hasOwn(object, ACCESS.status) ? Number(object[ACCESS.status]) : Number.NaN;
  if (!Object.hasOwn(object, ACCESS.uri) || !Number.isInteger(status)) return null;
  return readAccess(text(ACCESS.clientAddr), text(ACCESS.clientId), status, text(ACCESS.responseBytes), text(ACCESS.timestamp), {
    version: text(ACCESS.version),
    method: text(ACCESS.method),
    uri: text(ACCESS.uri),
    host: text(ACCESS.host),
  });
}

/** `10.42.0.17:41314 <identity or -> - [<timestamp>] "GET <uri> HTTP/2.0" 403`. A URI holds no space, but may hold quotes. */
export function readApacheAccess(line: string): TimedAccess | null {
  const clientEnd = line.indexOf(' ');
  const idEnd = line.indexOf(' - [', clientEnd);
  const timeEnd = idEnd < 0 ? -1 : line.indexOf('] "', idEnd);
  const requestEnd = timeEnd < 0 ? -1 : line.lastIndexOf('" ');
  if (requestEnd < timeEnd + '] "'.length) return null;
  const status = line.slice(requestEnd + '" '.length).trimEnd();
  const request = line.slice(timeEnd + '] "'.length, requestEnd).split(' ');
  const [method, uri, version] = request;
  if (request.length !== 3 || method === undefined || uri === undefined || version === undefined || !/^\d{3}$/.test(status)) return null;
  const time = line.slice(idEnd + ' - ['.length, timeEnd);
  return readAccess(line.slice(0, clientEnd), line.slice(clientEnd + 1, idEnd), Number(status), '', time, {
    version,
    method,
    uri,
    host: '',
  });
}

interface RequestLine {
  readonly version: string;
  readonly method: string;
  readonly uri: string;
  readonly host: string;
}

function readAccess(addr: string, id: string, status: number, bytes: string, time: string, line: RequestLine): TimedAccess | null {
  const address = readSocketAddress(addr);
  if (address === null || id === '' || line.method === '') return null;
  // A mesh client without a certificate and a plaintext client both print `-`.
  const tls: ClientTls | null = id === '-' ? null : { state: 'established', clientId: id };
  return {
    access: {
      type: 'access',
      client: client(address.ip, address.port, tls),
      request: requestOf(line),
      status,
      responseBytes: /^\d{1,15}$/.test(bytes) ? Number(bytes) : null,
    },
    at: parseInstant(time),
  };
}

/** HTTP/2 requests have an absolute URI, HTTP/1 requests a path. */
function requestOf(line: RequestLine): RequestTrace {
  const scheme = line.uri.indexOf('://');
  const start = scheme < 0 || line.uri.startsWith('/') ? -1 : scheme + '://'.length;
  const slash = start < 0 ? 0 : line.uri.indexOf('/', start);
  const path = slash < 0 ? '/' : line.uri.slice(slash);
  const authority = start < 0 ? line.host : line.uri.slice(start, slash < 0 ? undefined : slash);
  return { version: line.version, method: line.method, path, authority: authority === '' ? null : authority, grpc: null };
}
