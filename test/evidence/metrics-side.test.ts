/** What counters beside denials say: lines of captured proxies, read twice. */
import { describe, expect, it } from 'vitest';
import { createMetricsInput } from '../../src/evidence/metrics.ts';
import { createMetricsReader } from '../../src/evidence/metrics-reader.ts';
import { SIDE_COUNTERS } from '../../src/evidence/metrics-side.ts';

const SERVER = 'srv_group="policy.linkerd.io",srv_kind="server",srv_name="backend-http",srv_port="8080"';
const ALLOWED = `route_group="",route_kind="default",route_name="default",authz_group="policy.linkerd.io",authz_kind="authorizationpolicy",authz_name="backend-frontend"`;
const SERVICE =
  'parent_group="core",parent_kind="Service",parent_namespace="shop",parent_name="backend",parent_port="80",parent_section_name="",route_group="",route_kind="default",route_namespace="",route_name="http",hostname=""';
const EGRESS =
  'parent_group="policy.linkerd.io",parent_kind="EgressNetwork",parent_namespace="shop",parent_name="all-egress",parent_port="80",parent_section_name="",route_group="",route_kind="default",route_namespace="",route_name="http-egress-deny",hostname=""';
const TCP_EGRESS =
  'parent_group="policy.linkerd.io",parent_kind="EgressNetwork",parent_namespace="shop",parent_name="all-egress",parent_port="5432",parent_section_name="",route_group="",route_kind="default",route_namespace="",route_name="tcp-egress-deny",target_ip="198.51.100.7",target_port="5432"';
const BACKEND = { service: { namespace: 'shop', name: 'backend', port: 80 }, address: null };

/** A proxy that was read with 2 of it, and again with 5. */
function factsOf(series: string) {
  const reader = createMetricsReader();
  const reporter = { cluster: '', namespace: 'shop', pod: 'p', workload: null };
  for (const value of [2, 5]) {
    const input = createMetricsInput(reader, { name: 'page', at: value * 1000, reporter });
    input.push(`${series} ${value}\nprocess_start_time_seconds 1\n`);
    input.end();
  }
  return reader.take();
}

describe('side evidence', () => {
  it.each([
    [
      'row 51: an EgressNetwork refuses a request',
      `outbound_http_route_request_statuses_total{${EGRESS},http_status="403",error=""}`,
      {
        kind: 'request-failed',
        detail: 'outbound_http_route_request_statuses_total: 403 by EgressNetwork shop/all-egress',
        isSign: false,
      },
    ],
    [
      'row 51: an EgressNetwork refuses a connection',
      `outbound_tcp_route_close_total{${TCP_EGRESS},error="forbidden"}`,
      {
        kind: 'connect-failed',
        port: 5432,
        detail: 'outbound_tcp_route_close_total: forbidden by EgressNetwork shop/all-egress',
        isSign: false,
      },
    ],
    [
      'row 52: the application itself answers 403',
      `response_total{direction="inbound",target_addr="10.42.0.142:8080",target_ip="10.42.0.142",target_port="8080",tls="true",${SERVER},${ALLOWED},status_code="403",classification="success",grpc_status="",error=""}`,
      { kind: 'application-refused', port: 8080, detail: 'response_total: 403', isSign: true },
    ],
    [
      'row 53: nothing of a Service can be reached',
      `outbound_http_route_request_statuses_total{${SERVICE},http_status="",error="FAIL_FAST"}`,
      {
        kind: 'request-failed',
        port: 80,
        peer: BACKEND,
        detail: 'outbound_http_route_request_statuses_total: FAIL_FAST',
        isSign: false,
      },
    ],
    [
      'row 53: a connection to a Service breaks',
      'outbound_tcp_errors_total{target_addr="10.96.72.83:9000",target_ip="10.96.72.83",target_port="9000",error="i/o"}',
      { kind: 'connect-failed', port: 9000, peer: { service: null, address: '10.96.72.83:9000' }, isSign: true },
    ],
    [
      'row 55: a client gets 503 while pods are unready',
      `outbound_http_route_request_statuses_total{${SERVICE},http_status="503",error=""}`,
      { kind: 'request-failed', peer: BACKEND, detail: 'outbound_http_route_request_statuses_total: 503', isSign: true },
    ],
    [
      'row 37: what came was no HTTP',
      `inbound_tcp_detect_http_results_total{result="not_http",${SERVER}}`,
      { kind: 'detection-fallback', port: 8080, detail: 'inbound_tcp_detect_http_results_total: not_http', isSign: true },
    ],
  ])('%s', (_, series, expected) => {
    const facts = factsOf(series);
    expect(facts.filter(({ count }) => count > 0)).toMatchObject([{ type: 'symptom', count: 3, ...expected }]);
    // When the first two came nobody knows: of what is everyday that says nothing.
    expect(facts.filter(({ count }) => count === 0)).toHaveLength(expected.isSign ? 0 : 1);
  });

  it.each([
    ['a request that went well', `outbound_http_route_request_statuses_total{${SERVICE},http_status="200",error=""}`],
    [
      'a refusal of the other side, which says so itself',
      `outbound_http_route_request_statuses_total{${SERVICE},http_status="403",error=""}`,
    ],
    ['HTTP that was detected', `inbound_tcp_detect_http_results_total{result="http/1",${SERVER}}`],
    [
      'no HTTP on a port without a Server',
      'inbound_tcp_detect_http_results_total{result="not_http",srv_group="",srv_kind="default",srv_name="all-unauthenticated",srv_port="5432"}',
    ],
    ['a 403 that a client was given', 'response_total{direction="outbound",status_code="403",classification="success"}'],
    ['a connection that ended', `outbound_tcp_route_close_total{${TCP_EGRESS},error=""}`],
  ])('is not %s', (_, series) => {
    expect(factsOf(series)).toEqual([]);
  });

  it('names each trouble once: no series belongs to two rows of another kind', () => {
    const rows = SIDE_COUNTERS.map(({ metrics, only, kind }) => [metrics, only, kind]);
    expect(new Set(rows.map((row) => JSON.stringify(row))).size).toBe(rows.length);
  });

  it('is not forged: names of Services that no API server takes are cut or left out', () => {
    const [fact] = factsOf(
      `outbound_http_route_request_statuses_total{parent_kind="Service",parent_namespace="shop",parent_name="${'x'.repeat(5000)}",parent_port="99999",http_status="503",error=""}`,
    );
    expect(fact).toMatchObject({ type: 'symptom', port: null });
    expect(JSON.stringify(fact).length).toBeLessThan(4000);
  });
});
