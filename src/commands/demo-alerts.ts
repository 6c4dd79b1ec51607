/** Which alerts told of a client's denials, by what their labels say. */
import type { AlertFact } from '../evidence/alert.ts';
import { clientTlsOf } from '../evidence/metrics-labels.ts';
import type { ClientExplanation, Explanation } from '../explain.ts';
import type { Instant } from '../policy/resource.ts';

/** Alerts of one name, put together. */
export interface AlertSpan {
  readonly name: string;
  /** When the first of them began. */
  readonly from: Instant | null;
  /** When the last of them ended; null: one fires still. */
  readonly to: Instant | null;
}

/** A rule sees a denial after the scrape, the evaluation and its `for`. */
const DELAY = 120_000;

/** Of the client at `index`, in the order in which they began. */
export function alertsOf({ alerts, clients }: Explanation, index: number): readonly AlertSpan[] {
  const client = clients[index];
  if (client === undefined) return [];
  const spans = new Map<string, AlertSpan>();
  for (const { alert, clients: about } of alerts) {
    if (!about.includes(index) || !mayBeOf(alert, client) || !wasThen(alert, client)) continue;
    const name = alert.name ?? '';
    const known = spans.get(name);
    spans.set(name, known === undefined ? { name, from: alert.startsAt, to: alert.endsAt } : joined(known, alert));
  }
  return [...spans.values()].sort((a, b) => (a.from ?? 0) - (b.from ?? 0) || (a.name < b.name ? -1 : 1));
}

/** Labels of the client's TLS contradict other clients; an alert without them is about any. */
function mayBeOf({ labels }: AlertFact, { client, tls }: ClientExplanation): boolean {
  const labelled = clientTlsOf(labels);
  if (labelled === null || tls === null) return true;
  return labelled.state === 'established' ? labelled.clientId === client.identity : client.identity === null;
}

/** Not the alert of an earlier time of trouble, nor of a later one. */
function wasThen({ startsAt, endsAt }: AlertFact, { first, last }: ClientExplanation): boolean {
  if (first === null || last === null) return false;
  return (endsAt === null || endsAt >= first) && (startsAt === null || startsAt <= last + DELAY);
}

function joined(span: AlertSpan, { startsAt, endsAt }: AlertFact): AlertSpan {
  return {
    name: span.name,
    from: span.from === null || startsAt === null ? (span.from ?? startsAt) : Math.min(span.from, startsAt),
    to: span.to === null || endsAt === null ? null : Math.max(span.to, endsAt),
  };
}
