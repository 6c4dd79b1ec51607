/** The policy controller's own dialect: complaints about objects (linkerd2 `policy-controller/k8s/index/src/inbound/`, facts §4.6). */
import { FIELD, TARGET } from './conventions.ts';
import type { ControllerComplaint } from './facts.ts';
import type { LogEvent } from './log-event.ts';
import { type FieldShape, type Fields, readFields } from './log-fields.ts';
import { isIrrelevantOfController } from './log-irrelevant.ts';
import type { Outcome } from './log-reading.ts';
import { readPort, readRustString } from './log-text.ts';

type Named = NonNullable<ControllerComplaint['object']>;

const ERROR: FieldShape = { before: [], free: FIELD.error, after: [] };
const ILLEGAL_ON_SERVER: FieldShape = { before: [FIELD.server, FIELD.authorizationPolicy], free: FIELD.error, after: [] };
const ILLEGAL_ON_ROUTE: FieldShape = { before: [FIELD.route, FIELD.authorizationPolicy], free: FIELD.error, after: [] };
const IGNORED_ROUTE: FieldShape = { before: [FIELD.ns, FIELD.name], free: FIELD.error, after: [] };
const OVERLAP: FieldShape = { before: [FIELD.port, FIELD.server, FIELD.conflict], free: null, after: [] };

const ILLEGAL = 'Illegal AuthorizationPolicy; ignoring';
const OVERLAPS = 'Port already matched by another server; skipping';
const IGNORED = new Map([
  ['Ignoring HTTPRoute', 'HTTPRoute'],
  ['Ignoring GrpcRoute', 'GRPCRoute'],
]);
/** The object itself stands in the span. */
const INVALID = new Map([
  ['Invalid authorization policy', 'AuthorizationPolicy'],
  ['Invalid MeshTLSAuthentication', 'MeshTLSAuthentication'],
  ['Invalid NetworkAuthentication', 'NetworkAuthentication'],
  ['Invalid rate limit policy', 'HTTPLocalRateLimitPolicy'],
  ['Illegal server authorization update', 'ServerAuthorization'],
]);
const INVALID_ANNOTATION = 'Invalid default policy annotation value';
const ILLEGAL_POD = 'Illegal pod update';
const SKIPPED = 'skipping invalid ';
/** A regular expression's error shows the expression and a caret on lines of their own. */
const MULTI_LINE = 'regex parse error:';

export function readController(event: LogEvent): Outcome {
  const complaint = event.target === TARGET.args ? skipped(event) : inboundIndex(event);
  if (complaint !== null) {
    const text = event.fields === null ? event.text : [event.text, complaint.error].filter((part) => part !== '').join(': ');
    return {
      type: 'trouble',
      kind: 'controller-complaint',
      port: complaint.port,
      client: null,
      detail: text,
      complaint,
      continues: continuesBelow(event),
    };
  }
  return isIrrelevantOfController(event) ? 'irrelevant' : null;
}

/** Whether the event goes on in lines that have no head of their own. */
export function continuesBelow(event: Pick<LogEvent, 'thread' | 'fields' | 'text'>): boolean {
  return event.thread < 0 && event.fields === null && event.text.endsWith(MULTI_LINE);
}

function inboundIndex(event: LogEvent): ControllerComplaint | null {
  if (event.target !== TARGET.index && event.target !== TARGET.workload) return null;
  return illegalPolicy(event) ?? ignoredRoute(event) ?? overlap(event) ?? invalid(event) ?? pod(event);
}

function complain(
  event: LogEvent,
  kind: ControllerComplaint['kind'],
  fields: Fields,
  parts: Partial<ControllerComplaint>,
): ControllerComplaint {
  return {
    kind,
    namespace: inSpans(event, 'ns'),
    object: null,
    pod: inSpans(event, 'pod'),
    target: null,
    port: null,
    error: fields.get(FIELD.error) ?? '',
    ...parts,
  };
}

function illegalPolicy(event: LogEvent): ControllerComplaint | null {
  const fields = readFields(event, ILLEGAL, ILLEGAL_ON_SERVER) ?? readFields(event, ILLEGAL, ILLEGAL_ON_ROUTE);
  if (fields === null) return null;
  const server = fields.get(FIELD.server);
  return complain(event, 'illegal-authorization-policy', fields, {
    object: { kind: 'AuthorizationPolicy', name: fields.get(FIELD.authorizationPolicy) ?? '' },
    target: server === undefined ? routeName(fields.get(FIELD.route) ?? '') : { kind: 'Server', name: server },
  });
}

/** `GroupKindName { group: "policy.linkerd.io", kind: "HTTPRoute", name: "backend-routes" }` */
function routeName(text: string): Named | null {
  const kindAt = text.indexOf(', kind: ');
  const kind = kindAt < 0 ? null : readRustString(text, kindAt + ', kind: '.length);
  const name = kind !== null && text.startsWith(', name: ', kind.end) ? readRustString(text, kind.end + ', name: '.length) : null;
  return kind && name && { kind: kind.value, name: name.value };
}

function ignoredRoute(event: LogEvent): ControllerComplaint | null {
  for (const [message, kind] of IGNORED) {
    const fields = readFields(event, message, IGNORED_ROUTE);
    if (fields === null) continue;
    return complain(event, 'ignored-route', fields, {
      namespace: fields.get(FIELD.ns) ?? null,
      object: { kind, name: fields.get(FIELD.name) ?? '' },
    });
  }
  return null;
}

function overlap(event: LogEvent): ControllerComplaint | null {
  const fields = readFields(event, OVERLAPS, OVERLAP);
  if (fields === null) return null;
  return complain(event, 'overlapping-servers', fields, {
    object: { kind: 'Server', name: fields.get(FIELD.conflict) ?? '' },
    target: { kind: 'Server', name: fields.get(FIELD.server) ?? '' },
    port: readPort(fields.get(FIELD.port) ?? ''),
  });
}

function invalid(event: LogEvent): ControllerComplaint | null {
  for (const [message, kind] of INVALID) {
    const fields = readFields(event, message, ERROR);
    if (fields === null) continue;
    // AuthorizationPolicies and ServerAuthorizations print their name as `saz` in some spans.
    const name = inSpans(event, 'name') ?? inSpans(event, 'saz');
    return complain(event, 'invalid-object', fields, { object: name === null ? null : { kind, name } });
  }
  return null;
}

function pod(event: LogEvent): ControllerComplaint | null {
  const annotation = readFields(event, INVALID_ANNOTATION, ERROR);
  const fields = annotation ?? readFields(event, ILLEGAL_POD, ERROR);
  if (fields === null) return null;
  const name = inSpans(event, 'name') ?? inSpans(event, 'pod');
  return complain(event, annotation === null ? 'illegal-pod-update' : 'invalid-default-policy-annotation', fields, {
    object: name === null ? null : { kind: 'Pod', name },
    pod: name,
  });
}

/** `skipping invalid MeshTLSAuthentication resource shop/nameless: Missing field name` */
function skipped(event: LogEvent): ControllerComplaint | null {
  if (!event.text.startsWith(SKIPPED)) return null;
  const middle = event.text.indexOf(' resource ');
  const slash = event.text.indexOf('/', middle);
  const colon = event.text.indexOf(': ', slash);
  if (middle < 0 || slash < 0 || colon < 0) return null;
  const error = event.text.slice(colon + 2);
  return complain(event, 'invalid-object', new Map([[FIELD.error, error]]), {
    namespace: event.text.slice(middle + ' resource '.length, slash),
    object: { kind: event.text.slice(SKIPPED.length, middle), name: event.text.slice(slash + 1, colon) },
  });
}

function inSpans(event: LogEvent, field: string): string | null {
  return event.spans.findLast((span) => span.fields.has(field))?.fields.get(field) ?? null;
}
