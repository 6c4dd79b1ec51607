/** The policy targets of the proxy: denied, terminated, audited, allowed (linkerd2-proxy `linkerd/app/inbound/src/policy/`). */
import type { AuthorizationRef, Labels } from '../policy/inbound.ts';
import { ADMIN_PORT, DEFAULT_KIND, DEFAULT_PREFIX_211, FIELD, INBOUND_PORT, MESSAGE, SERVER_LABELS, SPAN } from './conventions.ts';
import type { DenialKind } from './facts.ts';
import { MAX_NAME } from './lengths.ts';
import { type LogEvent, spanField, spanOf } from './log-event.ts';
import { type FieldShape, type Fields, readFields } from './log-fields.ts';
import { type Allowed, client, type Outcome, type Refusal } from './log-reading.ts';
import { looksLikeAddress, plainIp, readPort, readRustString, readSocketAddress } from './log-text.ts';
import { readClientTls } from './log-tls.ts';

const SERVER = [FIELD.serverGroup, FIELD.serverKind, FIELD.serverName];
const ROUTE = [FIELD.routeGroup, FIELD.routeKind, FIELD.routeName];
const AUTHZ = [FIELD.authzGroup, FIELD.authzKind, FIELD.authzName];

const HTTP_DENIED: FieldShape = { before: [...SERVER, ...ROUTE], free: FIELD.clientTls, after: [FIELD.clientIp] };
const HTTP_AUDITED: FieldShape = { before: [...SERVER, ...ROUTE], free: FIELD.clientTls, after: [FIELD.clientIp, ...AUTHZ] };
const HTTP_AUTHORIZED: FieldShape = { before: [...SERVER, ...ROUTE, ...AUTHZ], free: FIELD.clientTls, after: [FIELD.clientIp] };
const NOT_APPLIED: FieldShape = { before: AUTHZ, free: null, after: [] };
const TCP_DENIED: FieldShape = { before: SERVER, free: FIELD.tls, after: [FIELD.client] };
const TCP_AUDITED: FieldShape = { before: SERVER, free: FIELD.clientTls, after: [FIELD.clientIp, ...AUTHZ] };
const TCP_AUTHORIZED: FieldShape = { before: [], free: FIELD.permit, after: [FIELD.tls, FIELD.client] };
const DENIED_211: FieldShape = { before: [FIELD.server], free: FIELD.tls, after: [FIELD.client] };

/** Target `…::policy::http`. */
export function readHttpPolicy(event: LogEvent): Outcome {
  const denied = readFields(event, MESSAGE.requestDenied, HTTP_DENIED);
  if (denied !== null) return refusal('http-denied', event, denied);
  const audited = readFields(event, MESSAGE.requestAllowed, HTTP_AUDITED);
  if (audited !== null) return refusal('audit-allowed', event, audited);
  const notApplied = readFields(event, MESSAGE.didNotApply, NOT_APPLIED);
  if (notApplied !== null) return { type: 'not-applied', authorization: labels(notApplied, AUTHZ), thread: event.thread };
  if (event.text === MESSAGE.noAuthorizations) return { type: 'not-applied', authorization: null, thread: event.thread };
  const authorized = readFields(event, MESSAGE.requestAuthorized, HTTP_AUTHORIZED);
  return authorized === null ? null : allowed(event, labels(authorized, SERVER), labels(authorized, AUTHZ), authorized);
}

/** Target `…::policy::tcp`. */
export function readTcpPolicy(event: LogEvent): Outcome {
  const denied = readFields(event, MESSAGE.connectionDenied, TCP_DENIED);
  if (denied !== null) return refusal('tcp-denied', event, denied);
  const terminated = readFields(event, MESSAGE.connectionTerminated, TCP_DENIED);
  if (terminated !== null) return refusal('terminated', event, terminated);
  const audited = readFields(event, MESSAGE.requestAllowed, TCP_AUDITED);
  if (audited !== null) return refusal('audit-allowed', event, audited);
  const authorized = readFields(event, MESSAGE.connectionAuthorized, TCP_AUTHORIZED);
  if (authorized === null) return null;
  const permit = readPermit(authorized.get(FIELD.permit) ?? '');
  return permit === null ? null : allowed(event, permit.server, permit.authorization, authorized, permit.port);
}

/** Target `…::policy::authorize::http` of Linkerd 2.11. */
export function readHttpPolicy211(event: LogEvent): Outcome {
  const denied = readFields(event, MESSAGE.requestDenied, DENIED_211);
  return denied === null ? null : refusal('http-denied', event, denied);
}

/** Target `…::policy::authorize::tcp` of Linkerd 2.11. */
export function readTcpPolicy211(event: LogEvent): Outcome {
  const denied = readFields(event, MESSAGE.connectionDenied, DENIED_211);
  if (denied !== null) return refusal('tcp-denied', event, denied);
  const terminated = readFields(event, MESSAGE.connectionTerminated, DENIED_211);
  return terminated === null ? null : refusal('terminated', event, terminated);
}

function refusal(kind: DenialKind, event: LogEvent, fields: Fields): Refusal | null {
  const from = clientOf(event, fields);
  if (from === null) return null;
  const old = fields.get(FIELD.server);
  const server = old === undefined ? labels(fields, SERVER) : server211(old);
  const route = fields.has(FIELD.routeKind) ? labels(fields, ROUTE) : null;
  if (isTooLong(server) || (route !== null && isTooLong(route))) return null;
  return { type: 'refusal', kind, server, route, client: from, ...listener(event), thread: event.thread };
}

function allowed(
  event: LogEvent,
  server: Labels,
  authorization: AuthorizationRef,
  fields: Fields,
  dialled: number | null = null,
): Allowed | null {
  const from = clientOf(event, fields);
  const route = fields.has(FIELD.routeKind) ? labels(fields, ROUTE) : null;
  return from && { type: 'allowed', server, route, authorization, client: from, port: dialled ?? listener(event).port };
}

function clientOf(event: LogEvent, fields: Fields) {
  const tls = readClientTls(fields.get(FIELD.clientTls) ?? fields.get(FIELD.tls) ?? '');
  const ip = fields.get(FIELD.clientIp);
  const accepted = readSocketAddress(spanField(event, SPAN.accept, FIELD.clientAddr) ?? '');
  if (ip !== undefined) return looksLikeAddress(ip) ? client(plainIp(ip), accepted?.port ?? null, tls) : null;
  const address = readSocketAddress(fields.get(FIELD.client) ?? '');
  return address && client(address.ip, address.port, tls);
}

/** The application's port, unless the connection came through 4143, where no line tells it. */
export function listener(event: LogEvent): { readonly port: number | null; readonly admin: boolean } {
  if (spanOf(event, SPAN.admin) !== null) return { port: ADMIN_PORT, admin: true };
  const port = readPort(spanField(event, SPAN.server, 'port') ?? '');
  return { port: port === INBOUND_PORT ? null : port, admin: false };
}

function labels(fields: Fields, keys: readonly string[]): Labels {
  const [group = '', kind = '', name = ''] = keys.map((key) => fields.get(key) ?? '');
  return { group, kind, name };
}

/** No object of Kubernetes has such a name. */
function isTooLong({ group, kind, name }: Labels): boolean {
  return group.length > MAX_NAME || kind.length > MAX_NAME || name.length > MAX_NAME;
}

/** Linkerd 2.11 names a Server, or a default policy as `default:deny`. */
export function server211(text: string): Labels {
  if (!text.startsWith(DEFAULT_PREFIX_211)) return { ...SERVER_LABELS, name: text };
  return { group: '', kind: DEFAULT_KIND, name: text.slice(DEFAULT_PREFIX_211.length) };
}

/** The end of `ServerPermit { …, labels: ServerAuthzLabels { server: ServerLabel(META, PORT), authz: META } }`, where META is `Default { name: "…" }` or `Resource { group: "…", kind: "…", name: "…" }`. */
function readPermit(text: string): { readonly server: Labels; readonly authorization: Labels; readonly port: number | null } | null {
  const mark = 'labels: ServerAuthzLabels { server: ServerLabel(';
  const start = text.lastIndexOf(mark);
  const server = start < 0 ? null : readMeta(text, start + mark.length);
  if (server === null) return null;
  const authz = text.indexOf('), authz: ', server.end);
  const authorization = authz < 0 ? null : readMeta(text, authz + '), authz: '.length);
  if (authorization === null) return null;
  return { server: server.value, authorization: authorization.value, port: readPort(text.slice(server.end + ', '.length, authz)) };
}

function readMeta(text: string, from: number): { readonly value: Labels; readonly end: number } | null {
  const isDefault = text.startsWith('Default { ', from);
  if (!isDefault && !text.startsWith('Resource { ', from)) return null;
  const value = { group: '', kind: isDefault ? DEFAULT_KIND : '', name: '' };
  let at = text.indexOf('{ ', from) + 2;
  for (const key of isDefault ? (['name'] as const) : (['group', 'kind', 'name'] as const)) {
    const read = text.startsWith(`${key}: `, at) ? readRustString(text, at + key.length + 2) : null;
    if (read === null) return null;
    value[key] = read.value;
    at = read.end + 2;
  }
  return { value, end: at };
}
