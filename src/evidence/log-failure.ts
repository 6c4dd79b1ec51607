/** Error-response and connection-close lines (linkerd2-proxy `linkerd/app/core/src/errors/respond.rs`, `…/serve.rs`; facts §3.6 to §3.8, §10.2). */

import type { ServerRef } from '../policy/inbound.ts';
import { ERROR_TEXT, FIELD, INBOUND_PORT, MESSAGE, SPAN } from './conventions.ts';
import type { RequestTrace } from './facts.ts';
import { listener, server211 } from './log-denial.ts';
import { type LogEvent, spanField, spanOf } from './log-event.ts';
import { type FieldShape, readFields } from './log-fields.ts';
import { peerOf } from './log-peer.ts';
import { client, type Failure, type Outcome, type Trouble } from './log-reading.ts';
import { readSocketAddress } from './log-text.ts';

const RESPONDED: FieldShape = {
  before: [],
  free: FIELD.error,
  after: [FIELD.errorSources, FIELD.path],
  optional: [FIELD.errorSources, FIELD.path],
  quoted: [FIELD.path],
};
const CLOSED: FieldShape = {
  before: [],
  free: FIELD.error,
  after: [FIELD.errorSources, FIELD.clientAddr, FIELD.serverAddr],
  optional: [FIELD.errorSources, FIELD.clientAddr, FIELD.serverAddr],
};
const UNNAMED: FieldShape = { before: [], free: FIELD.error, after: [FIELD.errorSources], optional: [FIELD.errorSources] };
const HANDLING = ['Handling error on HTTP connection', 'Handling error on gRPC connection'];
const FAILED = ['HTTP/0.9', 'HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0', 'HTTP/3.0', 'gRPC'].map((version) => `${version} ${MESSAGE.requestFailed}`);

/** Target `…::errors::respond`. */
export function readResponse(event: LogEvent): Outcome {
  if (HANDLING.some((message) => event.text.startsWith(message))) return event.level === 'DEBUG' ? 'irrelevant' : null;
  for (const message of [...FAILED, MESSAGE.requestFailed212]) {
    const fields = readFields(event, message, RESPONDED);
    if (fields === null) continue;
    const grpc = message.startsWith('gRPC');
    const version = grpc || message === MESSAGE.requestFailed212 ? null : message.slice(0, message.indexOf(' '));
    const request = {
      version,
      method: null,
      path: fields.get(FIELD.path) ?? null,
      authority: null,
      grpc: version === null && !grpc ? null : grpc,
    };
    return readError(event, fields.get(FIELD.error) ?? '', request, spanField(event, SPAN.rescue, FIELD.clientAddr));
  }
  return null;
}

/** Target `…::http::server`: an event without a message, for errors that are nobody's fault but the policy's. */
export function readServerError(event: LogEvent): Outcome {
  const fields = readFields(event, '', UNNAMED);
  const text = fields?.get(FIELD.error);
  if (text === undefined) return null;
  return trouble('server-misconfigured', event, text, spanField(event, SPAN.rescue, FIELD.clientAddr));
}

/** Target `…::serve`. */
export function readServe(event: LogEvent): Outcome {
  if (event.text === MESSAGE.connectionClosed && (event.fields === null || !Object.hasOwn(event.fields, FIELD.error))) return 'irrelevant';
  const fields = readFields(event, MESSAGE.connectionClosed, CLOSED) ?? readFields(event, MESSAGE.notReady, CLOSED);
  if (fields === null) return null;
  const from = fields.get(FIELD.clientAddr) ?? spanField(event, SPAN.accept, FIELD.clientAddr);
  const to = fields.get(FIELD.serverAddr) ?? spanField(event, SPAN.accept, FIELD.serverAddr);
  return readError(event, fields.get(FIELD.error) ?? '', null, from, to);
}

function readError(event: LogEvent, text: string, request: RequestTrace | null, from: string | null, to: string | null = null): Outcome {
  const { tail, clientAddr, serverAddr } = unwrap(text);
  const address = readSocketAddress(clientAddr ?? from ?? '');
  if (spanOf(event, SPAN.outbound) === null && address !== null) {
    const failure = readTail(tail, request);
    if (failure !== null) {
      const { port, admin } = listener(event);
      const dialled = readSocketAddress(serverAddr ?? to ?? '')?.port ?? null;
      return {
        type: 'failure',
        ...failure,
        ip: address.ip,
        clientPort: address.port,
        port: port ?? (dialled === INBOUND_PORT ? null : dialled),
        admin,
      };
    }
  }
  const refused = ERROR_TEXT.beforePolicy.some((start) => tail.startsWith(start));
  const misconfigured = tail === ERROR_TEXT.invalidServer || tail.startsWith(ERROR_TEXT.invalidRedirect);
  return trouble(refused ? 'refused-before-policy' : misconfigured ? 'server-misconfigured' : 'request-failed', event, text, from, request);
}

function trouble(
  kind: Trouble['kind'],
  event: LogEvent,
  detail: string,
  from: string | null,
  request: RequestTrace | null = null,
): Trouble {
  const address = readSocketAddress(unwrap(detail).clientAddr ?? from ?? '');
  const peer = peerOf(event);
  return {
    type: 'trouble',
    kind,
    port: peer?.port ?? listener(event).port,
    client: address && client(address.ip, address.port, null),
    detail,
    ...(request && { request }),
    ...(peer && { peer: detail.endsWith(EGRESS_DENIED) ? { ...peer.peer, egress: null } : peer.peer }),
  };
}
const EGRESS_DENIED = `: ${ERROR_TEXT.egressDenied}`;

type Tail = Pick<Failure, 'kind' | 'server' | 'request' | 'error'>;

/** null: nothing that policy decides. */
function readTail(tail: string, request: RequestTrace | null): Tail | null {
  if (tail === ERROR_TEXT.unauthorizedRoute) return { kind: 'http-denied', server: null, request, error: null };
  if (tail === ERROR_TEXT.noRoute) return { kind: 'route-not-found', server: null, request, error: null };
  if (ERROR_TEXT.rateLimits.some((start) => tail.startsWith(start))) return { kind: 'rate-limited', server: null, request, error: tail };
  if (!tail.startsWith(ERROR_TEXT.unauthorizedConnection)) return null;
  const server = connectionServer(tail.slice(ERROR_TEXT.unauthorizedConnection.length));
  // Linkerd 2.11 says `connection` of requests too.
  return server && { kind: request === null ? 'tcp-denied' : 'http-denied', server, request, error: null };
}

/** `server/pg`, `default/deny`; in Linkerd 2.11 `server pg`, `server default:deny`. */
function connectionServer(text: string): ServerRef | null {
  if (text.startsWith('server ')) return server211(text.slice('server '.length));
  const slash = text.indexOf('/');
  if (slash <= 0 || text.includes(' ')) return null;
  const kind = text.slice(0, slash);
  return { group: kind === 'server' ? server211('').group : '', kind, name: text.slice(slash + 1) };
}

export interface WrappedError {
  readonly tail: string;
  readonly clientAddr: string | null;
  readonly serverAddr: string | null;
}

/** Takes `client <ip:port>: server: <ip:port>: ` off an error text. */
export function unwrap(text: string): WrappedError {
  const server = text.startsWith('client ') ? text.indexOf(': server: ') : -1;
  const end = server < 0 ? -1 : text.indexOf(': ', server + ': server: '.length);
  if (end < 0) return { tail: text, clientAddr: null, serverAddr: null };
  return {
    tail: text.slice(end + 2),
    clientAddr: text.slice('client '.length, server),
    serverAddr: text.slice(server + ': server: '.length, end),
  };
}
