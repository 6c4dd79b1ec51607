/** The closed list of events that say nothing about policy. What is not on it and not read is counted as unparsed. */
import { TARGET } from './conventions.ts';
import type { LogEvent } from './log-event.ts';

/** Starts of messages, by target, at any level. */
const MESSAGES = new Map<string, readonly string[]>([
  [
    TARGET.main,
    [
      'Admin interface on ',
      'Inbound interface on ',
      'Outbound interface on ',
      'Tap DISABLED',
      'Tap interface on ',
      'SNI is ',
      'Destinations resolved via ',
      'Identity verified via ',
      'OpenCensus tracing collector at ',
      'OpenTelemetry tracing collector at ',
      'Tracing collector at ',
      'Tracing disabled',
      'Received shutdown signal',
      'Received shutdown via admin interface',
    ],
  ],
  ['linkerd2_proxy::rt', ['Using single-threaded proxy runtime', 'Using multi-threaded proxy runtime']],
  ['linkerd_app', ['Certified identity']],
  ['linkerd_app::env', ['LINKERD2_PROXY_']],
  ['linkerd_app_inbound::accept', ['Accepted policy=', 'Accepted']],
  ['linkerd_app_outbound::http::proxy_connection_close', ['Received unmeshed response with l5d-proxy-connection set']],
  ['linkerd_pool_p2c', ['Adding endpoint addr=', 'Removing endpoint addr=', 'Adding endpoint', 'Removing endpoint']],
  ['linkerd_signal', ['received SIGTERM, starting shutdown', 'received SIGINT, starting shutdown']],
  ['linkerd_tracing::level', ['set new log level']],
  [TARGET.failfast, ['Available; exiting failfast']],
  [TARGET.http, ['Ignoring irrelevant redirect']],
]);

/** Libraries below the proxy and the policy controller; at DEBUG and TRACE they speak of bytes and frames only. */
const QUIET_LIBRARIES = [
  'h2',
  'hickory_proto',
  'hickory_resolver',
  'hyper',
  'hyper_util',
  'mio',
  'rustls',
  'tokio',
  'tokio_util',
  'tonic',
  'tower',
  'trust_dns_proto',
  'trust_dns_resolver',
  'want',
];

/** The policy controller beside its inbound index; any message. Outbound policy never denies at the server. */
const CONTROLLER_TARGETS = [
  'h2',
  'hyper',
  'kube_client',
  'kube_runtime',
  'kubert',
  'kubert_prometheus_tokio',
  'linkerd_policy_controller',
  'linkerd_policy_controller_grpc',
  'linkerd_policy_controller_k8s_index::outbound',
  'linkerd_policy_controller_k8s_status',
  'rustls',
  'tower',
];

export function isIrrelevant(event: LogEvent): boolean {
  const starts = MESSAGES.get(event.target);
  if (starts?.some((start) => startsWithMessage(event, start))) return true;
  if (event.level !== 'DEBUG' && event.level !== 'TRACE') return false;
  return QUIET_LIBRARIES.some((library) => isWithin(event.target, library));
}

export function isIrrelevantOfController(event: LogEvent): boolean {
  return CONTROLLER_TARGETS.some((target) => isWithin(event.target, target));
}

/** A start that ends in a word must be the whole message, or be followed by its fields. */
function startsWithMessage(event: LogEvent, start: string): boolean {
  if (!event.text.startsWith(start)) return false;
  const rest = event.text.slice(start.length);
  return rest === '' || /[ =_]$/.test(start) || /^:? [a-z][a-z._]*=|^: [\w.:/-]+$/.test(rest.slice(0, 300));
}

function isWithin(target: string, path: string): boolean {
  return target === path || target.startsWith(`${path}::`);
}
