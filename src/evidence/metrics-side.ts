/**
 * Side evidence: counters that show trouble which policy causes without a denial, or which looks like it (facts §8 rows 37 and 51 to 55).
 * One row is one kind of trouble; series that no row selects are passed over.
 */
import { LABEL, METRIC, OUTBOUND, SIDE_LABEL, SIDE_METRIC } from './conventions.ts';
import type { Peer, Symptom, SymptomKind } from './facts.ts';
import { MAX_NAME } from './lengths.ts';
import { labelOf, portOf, targetPortOf } from './metrics-labels.ts';

export interface SideCounter {
  readonly metrics: readonly [string, ...string[]];
  /** Each label has one of its values. */
  readonly only: readonly (readonly [label: string, values: readonly [string, ...string[]]])[];
  readonly kind: SymptomKind;
  /** The label whose value says what happened. */
  readonly says: string;
  /** True: everyday by itself. It tells more of an incident that is there, and makes none. */
  readonly isSign: boolean;
}

const STATUSES = [SIDE_METRIC.outboundHttpStatuses, SIDE_METRIC.outboundGrpcStatuses] as const;

export const SIDE_COUNTERS: readonly SideCounter[] = [
  {
    metrics: [METRIC.detectHttp],
    only: [
      [SIDE_LABEL.result, ['not_http', 'read_timeout', 'error']],
      [LABEL.serverKind, ['server']],
    ],
    kind: 'detection-fallback',
    says: SIDE_LABEL.result,
    isSign: true,
  },
  { metrics: STATUSES, only: [[LABEL.error, ['FAIL_FAST']]], kind: 'request-failed', says: LABEL.error, isSign: false },
  {
    metrics: [SIDE_METRIC.outboundHttpStatuses],
    only: [
      [SIDE_LABEL.parentKind, [OUTBOUND.egressNetwork]],
      [SIDE_LABEL.httpStatus, ['403']],
    ],
    kind: 'request-failed',
    says: SIDE_LABEL.httpStatus,
    isSign: false,
  },
  {
    metrics: [SIDE_METRIC.outboundHttpStatuses],
    only: [[SIDE_LABEL.httpStatus, ['502', '503', '504']]],
    kind: 'request-failed',
    says: SIDE_LABEL.httpStatus,
    isSign: true,
  },
  {
    metrics: [SIDE_METRIC.outboundTcpClosed],
    only: [[LABEL.error, ['forbidden']]],
    kind: 'connect-failed',
    says: LABEL.error,
    isSign: false,
  },
  {
    metrics: [SIDE_METRIC.outboundTcpErrors],
    only: [[LABEL.error, ['i/o', 'failfast', 'unexpected']]],
    kind: 'connect-failed',
    says: LABEL.error,
    isSign: true,
  },
  {
    metrics: [SIDE_METRIC.responses],
    only: [
      [SIDE_LABEL.direction, ['inbound']],
      [SIDE_LABEL.statusCode, ['403']],
    ],
    kind: 'application-refused',
    says: SIDE_LABEL.statusCode,
    isSign: true,
  },
];

const BY_METRIC: ReadonlyMap<string, readonly SideCounter[]> = new Map(
  [...new Set(SIDE_COUNTERS.flatMap(({ metrics }) => metrics))].map((metric) => [
    metric,
    SIDE_COUNTERS.filter(({ metrics }) => metrics.includes(metric)),
  ]),
);

export function isSideMetric(metric: string): boolean {
  return BY_METRIC.has(metric);
}

/** The row that a series belongs to; null: none. */
export function sideCounterOf(metric: string, labels: ReadonlyMap<string, string>): SideCounter | null {
  return BY_METRIC.get(metric)?.find(({ only }) => only.every(([label, values]) => values.includes(labelOf(labels, label)))) ?? null;
}

type Said = Pick<Symptom, 'kind' | 'port' | 'detail' | 'peer' | 'isSign'>;

/** What a row says of a series. */
export function sideSymptom({ kind, says, isSign }: SideCounter, metric: string, labels: ReadonlyMap<string, string>): Said {
  const peer = peerOf(labels);
  const outbound = STATUSES.some((name) => name === metric) || metric.startsWith('outbound_');
  return {
    kind,
    port: outbound ? (peer?.service?.port ?? targetPortOf(labels)) : portOf(labels),
    detail: `${metric}: ${labelOf(labels, says)}${egressOf(labels)}`,
    ...(outbound && peer !== null ? { peer } : {}),
    isSign,
  };
}

/** The Service that a client's proxy was asked for, or the address, or the EgressNetwork that refused it. */
function peerOf(labels: ReadonlyMap<string, string>): Peer | null {
  const kind = labelOf(labels, SIDE_LABEL.parentKind);
  const parent = parentOf(labels);
  const port = Number(labelOf(labels, SIDE_LABEL.parentPort));
  const address = labelOf(labels, LABEL.targetAddr).slice(0, MAX_NAME) || null;
  const isDenied = kind === OUTBOUND.egressNetwork && labelOf(labels, LABEL.routeName).endsWith(OUTBOUND.egressDeny);
  if (isDenied) return { service: null, address: address ?? dialledOf(labels), egress: parent };
  if (kind !== 'Service' || parent === null) return address === null ? null : { service: null, address };
  return { service: { ...parent, port: Number.isInteger(port) && port > 0 && port <= 65_535 ? port : null }, address };
}

/** Connections are counted by address and port apart. */
function dialledOf(labels: ReadonlyMap<string, string>): string | null {
  const ip = labelOf(labels, LABEL.targetIp).slice(0, MAX_NAME);
  const port = targetPortOf(labels);
  return ip === '' || port === null ? null : `${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
}

function parentOf(labels: ReadonlyMap<string, string>): { readonly namespace: string; readonly name: string } | null {
  const [namespace, name] = [labelOf(labels, SIDE_LABEL.parentNamespace), labelOf(labels, SIDE_LABEL.parentName)];
  return namespace === '' || name === '' || namespace.length > MAX_NAME || name.length > MAX_NAME ? null : { namespace, name };
}

function egressOf(labels: ReadonlyMap<string, string>): string {
  if (labelOf(labels, SIDE_LABEL.parentKind) !== OUTBOUND.egressNetwork) return '';
  const [namespace, name] = [SIDE_LABEL.parentNamespace, SIDE_LABEL.parentName].map((label) => labelOf(labels, label).slice(0, MAX_NAME));
  return ` by EgressNetwork ${namespace}/${name}`;
}
