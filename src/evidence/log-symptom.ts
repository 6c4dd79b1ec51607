/** Trouble without a denial: the client's proxy, the policy client, protocol detection, connecting (facts §3.14, §3.16, §10.2). */
import { FIELD, MESSAGE, SPAN } from './conventions.ts';
import type { Client, SymptomKind } from './facts.ts';
import { listener } from './log-denial.ts';
import { type LogEvent, spanField } from './log-event.ts';
import { unwrap } from './log-failure.ts';
import { type FieldShape, readFields } from './log-fields.ts';
import { peerOf } from './log-peer.ts';
import { client, type Outcome, type Trouble } from './log-reading.ts';
import { readPort, readSocketAddress } from './log-text.ts';

const ERROR: FieldShape = { before: [], free: FIELD.error, after: [FIELD.errorSources], optional: [FIELD.errorSources] };
const QUOTED_ERROR: FieldShape = { before: [], free: FIELD.error, after: [], quoted: [FIELD.error] };
const GRPC: FieldShape = { before: [], free: FIELD.grpcStatus, after: [FIELD.grpcMessage], quoted: [FIELD.grpcMessage] };
const FAILFAST: FieldShape = { before: [FIELD.timeout], free: null, after: [] };
const POLICY_CONTROLLER = 'linkerd-policy.';

/** The client's proxy took the error of a server's proxy off a response. */
export function readRemoteError(event: LogEvent): Outcome {
  const error = readFields(event, MESSAGE.remoteProxyError, QUOTED_ERROR)?.get(FIELD.error);
  if (error === undefined) return null;
  const address = readSocketAddress(unwrap(error).clientAddr ?? '');
  return trouble('remote-proxy-error', event, error, address && client(address.ip, address.port, null));
}

/** Target `linkerd_reconnect`: outbound, to the control plane, or (the application's port is closed) inbound. */
export function readReconnect(event: LogEvent): Outcome {
  const error = readFields(event, MESSAGE.failedToConnect, ERROR)?.get(FIELD.error);
  return error === undefined ? null : trouble(isPolicyController(event) ? 'policy-controller-unreachable' : 'connect-failed', event, error);
}

/** The control plane's name does not resolve. */
export function readResolve(event: LogEvent): Outcome {
  const error = readFields(event, MESSAGE.failedToResolve, ERROR)?.get(FIELD.error);
  return error === undefined ? null : trouble(isPolicyController(event) ? 'policy-controller-unreachable' : 'connect-failed', event, error);
}

export function readFailfast(event: LogEvent): Outcome {
  const timeout = readFields(event, MESSAGE.enteringFailfast, FAILFAST)?.get(FIELD.timeout);
  return timeout === undefined ? null : trouble('request-failed', event, `${MESSAGE.enteringFailfast} after ${timeout} s`);
}

/** Older releases: `<service> entering failfast after 3s`. */
export function readFailfastStack(event: LogEvent): Outcome {
  const at = event.text.indexOf(MESSAGE.enteringFailfastStack);
  return at > 0 && /^\d[\d.]*[nmµu]?s$/.test(event.text.slice(at + MESSAGE.enteringFailfastStack.length))
    ? trouble('request-failed', event, event.text)
    : null;
}

/** Targets `…::inbound::policy::api` and `…::outbound::policy::api`. */
export function readPolicyApi(event: LogEvent): Outcome {
  if (event.level === 'DEBUG' && (event.text.startsWith('policy=') || event.fields?.['policy'] !== undefined)) return 'irrelevant';
  const misconfigured = readFields(event, MESSAGE.serverMisconfigured, ERROR)?.get(FIELD.error);
  if (misconfigured !== undefined) return trouble('server-misconfigured', event, misconfigured);
  const response = readFields(event, MESSAGE.unexpectedResponse, GRPC);
  if (response === null) return null;
  return trouble('policy-controller-unreachable', event, `${response.get(FIELD.grpcStatus)}: ${response.get(FIELD.grpcMessage)}`);
}

export function readDetect(event: LogEvent): Outcome {
  const fallback = [MESSAGE.handledAsOpaque, MESSAGE.handledAsHttp1].find(
    (message) => event.text === message || event.text.startsWith(`${message} `),
  );
  if (fallback === undefined) return null;
  const address = readSocketAddress(spanField(event, SPAN.accept, FIELD.clientAddr) ?? '');
  return trouble('detection-fallback', event, event.text, address && client(address.ip, address.port, null));
}

function isPolicyController(event: LogEvent): boolean {
  return spanField(event, SPAN.controller, 'addr')?.startsWith(POLICY_CONTROLLER) ?? false;
}

function trouble(kind: SymptomKind, event: LogEvent, detail: string, from: Client | null = null): Trouble {
  const peer = peerOf(event);
  const watched = readPort(spanField(event, SPAN.watch, 'port') ?? '');
  return {
    type: 'trouble',
    kind,
    port: peer?.port ?? watched ?? listener(event).port,
    client: from,
    detail,
    ...(peer && { peer: peer.peer }),
  };
}
