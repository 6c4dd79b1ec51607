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
} as const;

/** Labels of those counters, and the scrape labels that linkerd-viz adds. */
export const LABEL = {
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
  respond: 'linkerd_app_core::errors::respond',
  serve: 'linkerd_app_core::serve',
  policyApi: 'linkerd_app_inbound::policy::api',
  detect: 'linkerd_app_inbound::detect',
  reconnect: 'linkerd_reconnect',
  remoteError: 'linkerd_app_outbound::http::handle_proxy_error_headers',
} as const;

/** Messages of the events that matter. */
export const MESSAGE = {
  requestDenied: 'Request denied',
  requestAllowed: 'Request allowed',
  connectionDenied: 'Connection denied',
  connectionTerminated: 'Connection terminated due to policy change',
  connectionClosed: 'Connection closed',
  notReady: 'Server failed to become ready',
  didNotApply: 'Authorization did not apply',
  noAuthorizations: 'No authorizations defined',
  remoteProxyError: 'Remote proxy error',
} as const;

/** Fields of those events. */
export const FIELD = {
  serverGroup: 'server.group',
  serverKind: 'server.kind',
  serverName: 'server.name',
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
  error: 'error',
  path: 'path',
} as const;

/** The proxy's admin server; its denials are incidents of a kind of their own. */
export const ADMIN_PORT = 4191;
/** The proxy's inbound listener: what meshed traffic is dialled on since Linkerd 2.18. Never the application's port. */
export const INBOUND_PORT = 4143;
/** Name of the proxy container. */
export const PROXY_CONTAINER = 'linkerd-proxy';
