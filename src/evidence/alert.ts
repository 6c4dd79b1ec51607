/**
 * Alertmanager's webhook, version 4 (notify/webhook/webhook.go, template/template.go): what was denied, by labels.
 * An alert is a hint where to look: anyone who reaches the endpoint can send one, so it makes no client and no count.
 */
import * as z from 'zod';
import { InvalidInput } from '../errors.ts';
import type { Labels } from '../policy/inbound.ts';
import type { Instant } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';
import { ADMIN_PORT, ALERT_LABEL, LABEL, NO_INCIDENT } from './conventions.ts';
import type { IncidentKind, KeySelection, KeyWorkload } from './key.ts';
import { labelOf, portOf, routeOf, serverOf, workloadOf } from './metrics-labels.ts';

export interface AlertFact {
  readonly type: 'alert';
  /** The alert's own; that of its group says less. */
  readonly status: 'firing' | 'resolved';
  readonly name: string | null;
  readonly startsAt: Instant | null;
  /** null while it fires. */
  readonly endsAt: Instant | null;
  /** Hash of the labels, 16 hex digits; null from old versions. */
  readonly fingerprint: string | null;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  /** The incidents that the labels point at; empty when they name nothing of ours. */
  readonly selects: KeySelection;
  /** Text from outside: shown, never fetched. */
  readonly generatorURL: string;
}

export interface Webhook {
  readonly alerts: readonly AlertFact[];
  /** Alerts that could not be read, by their place in the body; the others stand. */
  readonly quarantined: readonly { readonly index: number; readonly why: string }[];
  /** Alerts that `max_alerts` cut off: they arrive by no other way. */
  readonly truncated: number;
  /** From the alerts; null when all that are left are resolved and some were cut off: then nobody knows. */
  readonly status: 'firing' | 'resolved' | null;
  readonly receiver: string;
  /** Not stable over changes of the routing tree. */
  readonly groupKey: string;
  /** Differs per peer of an HA pair. */
  readonly externalURL: string;
}

const MAX_LABELS = 256;
const MAX_TEXT = 65_536;

const text = z.string().max(MAX_TEXT);
const textMap = z
  .record(z.string(), text)
  .refine((map) => Object.keys(map).length <= MAX_LABELS, `more than ${MAX_LABELS} entries`)
  .nullish();

/** Unknown fields are left out; missing ones are those of old versions. */
const alertSchema = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: textMap,
  annotations: textMap,
  startsAt: text.nullish(),
  endsAt: text.nullish(),
  generatorURL: text.nullish(),
  fingerprint: text.nullish(),
});

const webhookSchema = z.object({
  alerts: z.array(z.unknown()),
  truncatedAlerts: z.number().int().nonnegative().nullish(),
  receiver: text.nullish(),
  groupKey: text.nullish(),
  externalURL: text.nullish(),
});

/** One that denywhy itself made: it says what is known already. */
export function isOwn({ labels }: AlertFact): boolean {
  return labels.has(ALERT_LABEL.incident);
}

/** Reads one body, already parsed as JSON. Errors: InvalidInput when it is no such body at all; one bad alert is set apart. */
export function parseWebhook(body: unknown): Webhook {
  const read = webhookSchema.safeParse(body);
  if (!read.success) {
    throw new InvalidInput(
      `not an Alertmanager webhook body: ${firstFault(read.error)}`,
      'Send the default payload of a webhook_config (version 4), without a payload: of your own.',
    );
  }
  const alerts: AlertFact[] = [];
  const quarantined: { index: number; why: string }[] = [];
  for (const [index, raw] of read.data.alerts.entries()) {
    const alert = readAlert(raw);
    if (typeof alert === 'string') quarantined.push({ index, why: alert });
    else alerts.push(alert);
  }
  const truncated = read.data.truncatedAlerts ?? 0;
  const { receiver, groupKey, externalURL } = read.data;
  return {
    alerts,
    quarantined,
    truncated,
    status: alerts.some((a) => a.status === 'firing') ? 'firing' : truncated + quarantined.length > 0 ? null : 'resolved',
    receiver: receiver ?? '',
    groupKey: groupKey ?? '',
    externalURL: externalURL ?? '',
  };
}

/** The alert, or why it cannot be read. */
function readAlert(raw: unknown): AlertFact | string {
  const read = alertSchema.safeParse(raw);
  if (!read.success) return firstFault(read.error);
  const { status, startsAt, endsAt, fingerprint, generatorURL } = read.data;
  const labels = mapOf(read.data.labels);
  const start = readTime(startsAt);
  const end = readTime(endsAt);
  if (start === 'malformed') return 'startsAt: not an RFC 3339 time';
  if (end === 'malformed') return 'endsAt: not an RFC 3339 time';
  return {
    type: 'alert',
    status,
    name: labels.get('alertname') ?? null,
    startsAt: start,
    endsAt: status === 'firing' ? null : end,
    fingerprint: fingerprint ?? null,
    labels,
    annotations: mapOf(read.data.annotations),
    selects: selectionOf(labels),
    generatorURL: generatorURL ?? '',
  };
}

/** Go's zero time, year 1, says that there is none. */
function readTime(time: string | null | undefined): Instant | null | 'malformed' {
  if (time === null || time === undefined || time === '') return null;
  const instant = parseInstant(time);
  return instant === null ? 'malformed' : time.startsWith('0001-') ? null : instant;
}

/** What the labels say of the incident's key: those of the counters, or the parts that only an alert can carry. Nothing where it says so itself. */
function selectionOf(labels: ReadonlyMap<string, string>): KeySelection {
  if (labels.get(ALERT_LABEL.incidentKind) === NO_INCIDENT) return {};
  const cluster = labelOf(labels, LABEL.cluster);
  const namespace = labelOf(labels, LABEL.namespace);
  const workload = workloadIn(labels, namespace);
  const [server, route] = [serverOf(labels), routeOf(labels)];
  const kind = kindOf(labelOf(labels, ALERT_LABEL.incidentKind)) ?? (portOf(labels) === ADMIN_PORT ? 'admin-denied' : null);
  return {
    ...(cluster === '' ? {} : { cluster }),
    ...(namespace === '' ? {} : { namespace }),
    ...(workload === null ? {} : { workload }),
    ...(isComplete(server) ? { server } : {}),
    ...(isComplete(route) ? { route } : {}),
    ...(kind === null ? {} : { kind }),
  };
}

function workloadIn(labels: ReadonlyMap<string, string>, namespace: string): KeyWorkload | null {
  const [kind, name] = [labelOf(labels, ALERT_LABEL.workloadKind), labelOf(labels, ALERT_LABEL.workloadName)];
  if (kind !== '' && name !== '') return { kind, name };
  const workload = workloadOf(labels, namespace);
  return workload === null ? null : { kind: workload.kind, name: workload.name };
}

/** A rule may group by the name alone; then the kind is anybody's guess. */
function isComplete(ref: Labels | null): ref is Labels {
  return ref !== null && ref.kind !== '';
}

const KINDS: Readonly<Record<IncidentKind, true>> = {
  'http-denied': true,
  'tcp-denied': true,
  terminated: true,
  'route-not-found': true,
  'rate-limited': true,
  'audit-allowed': true,
  'admin-denied': true,
  'refused-before-policy': true,
  'connect-failed': true,
  'remote-proxy-error': true,
  'policy-controller-unreachable': true,
  'server-misconfigured': true,
  'detection-fallback': true,
  'scrape-refused': true,
  'scrape-failed': true,
  'probe-failing': true,
  'request-failed': true,
  'application-refused': true,
  'controller-complaint': true,
};

/** Every kind of incident. */
export const INCIDENT_KINDS = Object.keys(KINDS) as readonly IncidentKind[];

function kindOf(label: string): IncidentKind | null {
  return Object.hasOwn(KINDS, label) ? (label as IncidentKind) : null;
}

function mapOf(record: Readonly<Record<string, string>> | null | undefined): ReadonlyMap<string, string> {
  return new Map(Object.entries(record ?? {}));
}

function firstFault(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'malformed';
  return issue.path.length === 0 ? issue.message : `${issue.path.map(String).join('.').slice(0, 200)}: ${issue.message}`;
}
