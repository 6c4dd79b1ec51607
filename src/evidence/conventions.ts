/** The one table of metric, label and log names. Nothing else spells them. Source: linkerd2-proxy `linkerd/app/inbound/src/metrics/authz.rs`, `linkerd/app/inbound/src/policy/`. */

/** Counters of the inbound proxy. */
export const METRIC = {
  httpAllow: 'inbound_http_authz_allow_total',
  httpDeny: 'inbound_http_authz_deny_total',
  routeNotFound: 'inbound_http_route_not_found_total',
  rateLimited: 'inbound_http_local_ratelimit_total',
  tcpAllow: 'inbound_tcp_authz_allow_total',
  tcpDeny: 'inbound_tcp_authz_deny_total',
  tcpTerminate: 'inbound_tcp_authz_terminate_total',
  httpErrors: 'inbound_http_errors_total',
  tcpErrors: 'inbound_tcp_errors_total',
  detectHttp: 'inbound_tcp_detect_http_results_total',
  transportHeader: 'inbound_tcp_transport_header_connections_total',
  processStart: 'process_start_time_seconds',
  /** Prometheus' own: whether a scrape of the target succeeded. */
  up: 'up',
} as const;

/** Counters that show trouble beside denials (linkerd2-proxy `linkerd/app/outbound/src/`, `linkerd/app/core/src/metrics.rs`; facts §1.9). */
export const SIDE_METRIC = {
  /** What clients' requests came to, the proxy's own refusals included; since Linkerd 2.17. */
  outboundHttpStatuses: 'outbound_http_route_request_statuses_total',
  outboundGrpcStatuses: 'outbound_grpc_route_request_statuses_total',
  outboundTcpErrors: 'outbound_tcp_errors_total',
  outboundTcpClosed: 'outbound_tcp_route_close_total',
  /** What applications answered; a request that policy denied is not in it. */
  responses: 'response_total',
} as const;

/** Labels of those alone. */
export const SIDE_LABEL = {
  direction: 'direction',
  authority: 'authority',
  statusCode: 'status_code',
  classification: 'classification',
  httpStatus: 'http_status',
  grpcStatus: 'grpc_status',
  hostname: 'hostname',
  /** How a connection's protocol was detected. */
  result: 'result',
  parentGroup: 'parent_group',
  parentKind: 'parent_kind',
  parentNamespace: 'parent_namespace',
  parentName: 'parent_name',
  parentPort: 'parent_port',
  parentSection: 'parent_section_name',
  routeNamespace: 'route_namespace',
} as const;

/** Labels of those counters, and the scrape labels that linkerd-viz adds. */
export const LABEL = {
  /** Where Prometheus' API puts the metric's name. */
  metric: '__name__',
  targetAddr: 'target_addr',
  targetIp: 'target_ip',
  targetPort: 'target_port',
  serverGroup: 'srv_group',
  serverKind: 'srv_kind',
  serverName: 'srv_name',
  serverPort: 'srv_port',
  routeGroup: 'route_group',
  routeKind: 'route_kind',
  routeName: 'route_name',
  authzGroup: 'authz_group',
  authzKind: 'authz_kind',
  authzName: 'authz_name',
  /** Linkerd 2.11's name of the authorization. */
  authzName211: 'saz_name',
  rateLimitGroup: 'ratelimit_group',
  rateLimitKind: 'ratelimit_kind',
  rateLimitName: 'ratelimit_name',
  rateLimitScope: 'ratelimit_scope',
  tls: 'tls',
  clientId: 'client_id',
  noTlsReason: 'no_tls_reason',
  sni: 'sni',
  error: 'error',
  namespace: 'namespace',
  pod: 'pod',
  instance: 'instance',
  job: 'job',
  cluster: 'cluster',
} as const;

/** Those that the proxy's counters write themselves; which of them depends on the counter and on Linkerd's version. */
export const COUNTER_LABELS = [
  ...[LABEL.targetAddr, LABEL.targetIp, LABEL.targetPort],
  ...[LABEL.serverGroup, LABEL.serverKind, LABEL.serverName, LABEL.serverPort],
  ...[LABEL.routeGroup, LABEL.routeKind, LABEL.routeName],
  ...[LABEL.authzGroup, LABEL.authzKind, LABEL.authzName, LABEL.authzName211],
  ...[LABEL.rateLimitGroup, LABEL.rateLimitKind, LABEL.rateLimitName, LABEL.rateLimitScope],
  ...[LABEL.tls, LABEL.clientId, LABEL.noTlsReason, LABEL.sni, LABEL.error],
] as const;

/** Prometheus' prefix for a metric's own label that collides with one of its target (`honor_labels: false`, federation). */
export const EXPORTED = 'exported_';

/** `tls` values of the inbound counters (linkerd2-proxy `linkerd/app/core/src/transport/labels.rs`). */
export const TLS = { established: 'true', passthru: 'opaque', none: 'no_identity', disabled: 'disabled' } as const;

/** Kind of the `srv_*`, `route_*` and `authz_*` labels where no object stands behind them. */
export const DEFAULT_KIND = 'default';
/** Group and kind of a Server, as the labels spell them. */
export const SERVER_LABELS = { group: 'policy.linkerd.io', kind: 'server' } as const;
/** Group and kind of the one authorization that Linkerd 2.11 knew. */
export const SERVER_AUTHORIZATION_LABELS = { group: 'policy.linkerd.io', kind: 'serverauthorization' } as const;
/** Linkerd 2.11's prefix of a default policy in `srv_name` and `saz_name`. */
export const DEFAULT_PREFIX_211 = 'default:';

/** Labels of an alert that carry the parts of an incident's key for which no counter has a label. */
export const ALERT_LABEL = {
  workloadKind: 'workload_kind',
  workloadName: 'workload_name',
  incidentKind: 'incident_kind',
  /** The id of an incident: an alert of denywhy's own, which is never evidence. */
  incident: 'denywhy_incident',
} as const;

/** Name of the alert that carries the answer to an incident back to Alertmanager. */
export const EXPLAINED = 'DenywhyExplained';

/** `error` of connections that were refused before a policy was asked (facts §1.7, §8 rows 54 and 55). */
export const ERROR_BEFORE_POLICY = ['unexpected', 'tls detection timeout', 'gateway loop', 'gateway domain invalid'] as const;

/** `incident_kind` of an alert that is about no incident: what cannot be seen, or denywhy itself. */
export const NO_INCIDENT = 'none';

/** Every proxy's own, whatever it did: what its labels are tells how Prometheus scrapes proxies. */
export const BUILD_INFO = 'proxy_build_info';

/** Connections of a client's proxy (linkerd2-proxy `linkerd/app/core/src/transport/labels.rs`; facts §1.5, §2.4). */
export const OUTBOUND = {
  tcpOpen: 'tcp_open_total',
  direction: 'direction',
  peer: 'peer',
  dstNamespace: 'dst_namespace',
  dstService: 'dst_service',
  /** `parent_kind` of what leaves the cluster. */
  egressNetwork: 'EgressNetwork',
  /** How the routes end that an EgressNetwork with trafficPolicy Deny gives to the proxies: `http-egress-deny`, … */
  egressDeny: '-egress-deny',
  /** `no_tls_reason`: discovery knew no identity for the destination. */
  noIdentityKnown: 'not_provided_by_service_discovery',
} as const;

/** Scrape labels that name the workload, with the kind each stands for. */
export const WORKLOAD_LABELS = {
  deployment: 'Deployment',
  statefulset: 'StatefulSet',
  daemonset: 'DaemonSet',
  replicaset: 'ReplicaSet',
  replicationcontroller: 'ReplicationController',
  k8s_job: 'Job',
  cronjob: 'CronJob',
} as const;

/** Log targets: the module path between the spans and the message. */
export const TARGET = {
  http: 'linkerd_app_inbound::policy::http',
  tcp: 'linkerd_app_inbound::policy::tcp',
  http211: 'linkerd_app_inbound::policy::authorize::http',
  tcp211: 'linkerd_app_inbound::policy::authorize::tcp',
  httpServer: 'linkerd_app_inbound::http::server',
  respond: 'linkerd_app_core::errors::respond',
  serve: 'linkerd_app_core::serve',
  policyApi: 'linkerd_app_inbound::policy::api',
  outboundPolicyApi: 'linkerd_app_outbound::policy::api',
  detect: 'linkerd_app_inbound::detect',
  reconnect: 'linkerd_reconnect',
  resolve: 'linkerd_app_core::control::balance',
  failfast: 'linkerd_proxy_balance_queue::worker',
  /** Before Linkerd 2.14 or so; `linkerd_timeout` in 2.11. */
  failfastStack: 'linkerd_stack::failfast',
  failfast211: 'linkerd_timeout::failfast',
  remoteError: 'linkerd_app_outbound::http::handle_proxy_error_headers',
  main: 'linkerd2_proxy',
  /** The policy controller. */
  index: 'linkerd_policy_controller_k8s_index::inbound::index',
  workload: 'linkerd_policy_controller_k8s_index::inbound::workload',
  args: 'linkerd_policy_controller_runtime::args',
} as const;

/** Messages of the events that matter. */
export const MESSAGE = {
  requestDenied: 'Request denied',
  requestAllowed: 'Request allowed',
  requestAuthorized: 'Request authorized',
  connectionDenied: 'Connection denied',
  connectionAuthorized: 'Connection authorized',
  connectionTerminated: 'Connection terminated due to policy change',
  connectionClosed: 'Connection closed',
  notReady: 'Server failed to become ready',
  didNotApply: 'Authorization did not apply',
  noAuthorizations: 'No authorizations defined',
  /** After the HTTP version or `gRPC`. */
  requestFailed: 'request failed',
  requestFailed212: 'Request failed',
  remoteProxyError: 'Remote proxy error',
  serverMisconfigured: 'Server misconfigured',
  unexpectedResponse: 'Unexpected policy controller response; retrying with a backoff',
  failedToConnect: 'Failed to connect',
  failedToResolve: 'Failed to resolve control-plane component',
  enteringFailfast: 'Unavailable; entering failfast',
  /** Between the name of the service and a duration. */
  enteringFailfastStack: ' entering failfast after ',
  handledAsOpaque: 'Handling connection as opaque due to policy',
  handledAsHttp1: 'Handling connection as HTTP/1 due to policy',
  /** Followed by the identity. */
  localIdentity: 'Local identity is ',
} as const;

/** Fields of those events. */
export const FIELD = {
  serverGroup: 'server.group',
  serverKind: 'server.kind',
  serverName: 'server.name',
  /** Linkerd 2.11: name of the Server, or `default:` and the policy. The policy controller: name of a Server. */
  server: 'server',
  routeGroup: 'route.group',
  routeKind: 'route.kind',
  routeName: 'route.name',
  authzGroup: 'authz.group',
  authzKind: 'authz.kind',
  authzName: 'authz.name',
  clientTls: 'client.tls',
  clientIp: 'client.ip',
  tls: 'tls',
  client: 'client',
  clientAddr: 'client.addr',
  serverAddr: 'server.addr',
  permit: 'permit',
  error: 'error',
  errorSources: 'error.sources',
  path: 'path',
  grpcStatus: 'grpc.status',
  grpcMessage: 'grpc.message',
  timeout: 'timeout',
  /** The policy controller. */
  route: 'route',
  authorizationPolicy: 'authorizationpolicy',
  conflict: 'conflict',
  port: 'port',
  ns: 'ns',
  name: 'name',
} as const;

/** Connections to a proxy's own inbound port that are not another proxy's. */
export const DIRECT = 'direct connections ';

/** Tails of the proxy's error texts that policy causes (linkerd2-proxy `linkerd/app/inbound/src/policy.rs`, `linkerd/proxy/server-policy/src/local_rate_limit.rs`). */
export const ERROR_TEXT = {
  unauthorizedRoute: 'unauthorized request on route',
  /** Followed by `<kind>/<name>`; in 2.11 by `server <name>`. */
  unauthorizedConnection: 'unauthorized connection on ',
  noRoute: 'no route found for request',
  rateLimits: ['total rate limit exceeded: ', 'per-identity rate limit exceeded: ', 'override rate limit exceeded: '],
  invalidServer: 'invalid server configuration',
  invalidRedirect: 'invalid redirect: ',
  /** A client's proxy: its EgressNetwork lets nothing out. */
  egressDenied: 'traffic not allowed',
  /** Connections that are refused before any policy is asked. */
  beforePolicy: [
    'inbound connections are not allowed on this IP address',
    `${DIRECT}must be mutually authenticated`,
    `${DIRECT}require transport header negotiation`,
    'a named target must be provided on gateway connections',
  ],
} as const;

/** Spans in front of the target, and the fields they carry. */
export const SPAN = {
  inbound: 'inbound',
  outbound: 'outbound',
  daemon: 'daemon',
  admin: 'admin',
  /** `port`: the port on the wire, so 4143 for meshed traffic since Linkerd 2.18. */
  server: 'server',
  /** `client.addr`, `server.addr`; at level DEBUG only. */
  accept: 'accept',
  /** `client.addr`. */
  rescue: 'rescue',
  /** `port`. */
  watch: 'watch',
  /** `addr`. */
  controller: 'controller',
  /** `ns`, `name`, `port`. */
  service: 'service',
  /** `addr`. */
  endpoint: 'endpoint',
  forward: 'forward',
  proxy: 'proxy',
  gateway: 'gateway',
} as const;

/** Keys of an access log line in JSON. */
export const ACCESS = {
  clientAddr: 'client.addr',
  clientId: 'client.id',
  timestamp: 'timestamp',
  method: 'method',
  uri: 'uri',
  version: 'version',
  status: 'status',
  responseBytes: 'response_bytes',
  host: 'host',
} as const;

/** The proxy's admin server; its denials are incidents of a kind of their own. */
export const ADMIN_PORT = 4191;
/** The proxy's inbound listener: what meshed traffic is dialled on since Linkerd 2.18. Never the application's port. */
export const INBOUND_PORT = 4143;
/** Name of the proxy container. */
export const PROXY_CONTAINER = 'linkerd-proxy';
/** Name of the policy controller's container in Deployment `linkerd-destination`. */
export const POLICY_CONTAINER = 'policy';
/** Prometheus' scrape job of the proxies; the operator's PodMonitor puts `NAMESPACE/` before it. */
export const PROXY_JOB = 'linkerd-proxy';
