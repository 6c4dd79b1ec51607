/** Admission of routes (linkerd2 `policy-controller/runtime/src/admission.rs`, `policy-controller/k8s/index/src/routes/`). */
import type {
  BackendRef,
  GRPCMatch,
  gatewayHTTPRouteSpec,
  grpcRouteSpec,
  HeaderModifier,
  HTTPMatch,
  httpRouteSpec,
  ParentRef,
  RequestRedirect,
  Timeouts,
  tcpRouteSpec,
  tlsRouteSpec,
  ValueMatch,
} from './admission-route-spec.ts';
import { type Annotations, checkAccrual, checkGrpcRetry, checkHttpRetry, checkTimeouts } from './outbound-annotations.ts';
import { targetsKind } from './reading.ts';
import { cannotParse, refuse } from './refusal.ts';
import { checkRustRegex } from './rust-regex.ts';
import { rustDebug, showDuration } from './rust-text.ts';

/** Rules are looked at one after the other: matches, filters, then timeouts. */
export function checkHTTPRoute(spec: ReturnType<typeof httpRouteSpec>, annotations: Annotations): void {
  checkParents(spec.parentRefs ?? [], annotations, checkHttpRetry);
  for (const rule of spec.rules ?? []) {
    for (const match of rule.matches ?? []) checkHTTPMatch(match);
    for (const filter of rule.filters ?? []) {
      if (filter.type === 'RequestRedirect') checkRedirect(filter.redirect);
      else checkModifier(filter.modifier);
    }
    if (rule.timeouts !== null) checkRuleTimeouts(rule.timeouts);
  }
}

/** Filters other than these three and the backends' own are not looked at; a Service without a port is. */
export function checkGatewayHTTPRoute(spec: ReturnType<typeof gatewayHTTPRouteSpec>, annotations: Annotations): void {
  checkParents(spec.parentRefs ?? [], annotations, checkHttpRetry);
  for (const rule of spec.rules ?? []) {
    for (const match of rule.matches ?? []) checkHTTPMatch(match);
    for (const filter of rule.filters ?? []) {
      if (filter.requestHeaderModifier !== null) checkModifier(filter.requestHeaderModifier);
      if (filter.responseHeaderModifier !== null) checkModifier(filter.responseHeaderModifier);
      if (filter.requestRedirect !== null) checkRedirect(filter.requestRedirect);
    }
    for (const backend of rule.backendRefs ?? []) checkBackend(backend);
  }
}

export function checkGRPCRoute(spec: ReturnType<typeof grpcRouteSpec>, annotations: Annotations): void {
  checkParents(spec.parentRefs ?? [], annotations, checkGrpcRetry);
  for (const rule of spec.rules ?? []) {
    for (const match of rule.matches ?? []) checkGRPCMatch(match);
    for (const filter of rule.filters ?? []) {
      if (filter.requestHeaderModifier !== null) checkModifier(filter.requestHeaderModifier);
      if (filter.responseHeaderModifier !== null) checkModifier(filter.responseHeaderModifier);
    }
    for (const backend of rule.backendRefs ?? []) checkBackend(backend);
  }
}

export function checkTLSRoute(spec: ReturnType<typeof tlsRouteSpec>): void {
  checkEgressPorts(spec.parentRefs ?? []);
  if (spec.rules.length !== 1) refuse('TlsRoute supports a single rule only');
}

export function checkTCPRoute(spec: ReturnType<typeof tcpRouteSpec>): void {
  checkEgressPorts(spec.parentRefs ?? []);
  if (spec.rules.length !== 1) refuse('TcpRoute supports a single rule only');
}

/** Annotations are looked at only where a parent makes the route an outbound one. */
function checkParents(parents: readonly ParentRef[], annotations: Annotations, checkRetry: (annotations: Annotations) => void): void {
  checkEgressPorts(parents);
  if (!parents.some((p) => isEgressNetwork(p) || isService(p))) return;
  checkRetry(annotations);
  checkAccrual(annotations);
  checkTimeouts(annotations);
}

function checkEgressPorts(parents: readonly ParentRef[]): void {
  if (parents.some((p) => isEgressNetwork(p) && p.port === null)) refuse('cannot target an EgressNetwork without specifying a port');
}

function isService(parent: ParentRef): boolean {
  return targetsKind({ group: parent.group, kind: parent.kind ?? '' }, '', 'Service');
}

function isEgressNetwork(parent: ParentRef): boolean {
  return targetsKind({ group: parent.group, kind: parent.kind ?? '' }, 'policy.linkerd.io', 'EgressNetwork');
}

function checkHTTPMatch(match: HTTPMatch): void {
  if (match.path !== null) {
    const value = match.path.value ?? '/';
    if (match.path.type === 'RegularExpression') checkRustRegex(value);
    else if (!value.startsWith('/')) {
      refuse(`HttpPathMatch paths must be absolute (begin with \`/\`); ${rustDebug(value)} is not an absolute path`);
    }
  }
  for (const header of match.headers ?? []) checkHeaderMatch(header);
  for (const param of match.queryParams ?? []) if (param.type === 'RegularExpression') checkRustRegex(param.value);
}

function checkGRPCMatch(match: GRPCMatch): void {
  for (const header of match.headers ?? []) checkHeaderMatch(header);
  if (match.method?.type === 'RegularExpression') refuse('unsupported GRPCRoute method match type: Some(RegularExpression)');
}

function checkHeaderMatch(header: ValueMatch): void {
  checkHeaderName(header.name);
  if (header.type === 'RegularExpression') checkRustRegex(header.value);
  else checkHeaderValue(header.value);
}

function checkModifier(modifier: HeaderModifier): void {
  for (const header of [...(modifier.add ?? []), ...(modifier.set ?? [])]) {
    checkHeaderName(header.name);
    checkHeaderValue(header.value);
  }
  for (const name of modifier.remove ?? []) checkHeaderName(name);
}

function checkHeaderName(name: string): void {
  if (name.length > 65535 || !/^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/.test(name)) refuse('invalid HTTP header name');
}

function checkHeaderValue(value: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a header value must not hold
  if (/[\0-\x08\n-\x1f\x7f]/.test(value)) cannotParse('failed to parse header value');
}

function checkRedirect(redirect: RequestRedirect): void {
  if (redirect.path !== null) {
    const path = redirect.path.replaceFullPath ?? redirect.path.replacePrefixMatch;
    if (path === null) refuse('RequestRedirect filter must contain either replace_full_path or replace_prefix_match');
    if (!path.startsWith('/')) {
      refuse(`RequestRedirect filters may only contain absolute paths (starting with '/'); ${rustDebug(path)} is not an absolute path`);
    }
  }
  const status = redirect.statusCode;
  if (status === null) return;
  if (status < 0 || status > 65535) cannotParse('out of range integral type conversion attempted');
  if (status < 100 || status > 999) cannotParse('invalid status code');
}

function checkBackend(backend: BackendRef): void {
  const isService = ['core', '', null].includes(backend.group) && ['Service', null].includes(backend.kind);
  if (isService && (backend.port === null || backend.port === 0)) refuse('invalid backendRef');
}

function checkRuleTimeouts({ request, backendRequest }: Timeouts): void {
  if (backendRequest?.negative === true) refuse('backendRequest timeout must not be negative');
  if (request?.negative === true) refuse('request timeout must not be negative');
  if (request !== null && backendRequest !== null && request.nanoseconds < backendRequest.nanoseconds) {
    const [backend, whole] = [showDuration(backendRequest.nanoseconds), showDuration(request.nanoseconds)];
    refuse(`backendRequest timeout (${backend}) must not be greater than request timeout (${whole})`);
  }
}
