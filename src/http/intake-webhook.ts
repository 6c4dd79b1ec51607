/** Alertmanager's webhook. Good alerts are kept and bad ones set apart with a 2xx: a 4xx for one bad alert would lose its whole group. */
import * as z from 'zod';
import { isOwn, parseWebhook } from '../evidence/alert.ts';
import type { Instant } from '../policy/resource.ts';
import { hashId } from '../triage/incident.ts';
import type { WorkingSet } from '../triage/working-set.ts';
import type { Sender } from './auth.ts';
import { parseJson, readBody, withWholeBody } from './body.ts';
import { accept, batchKey, IDEMPOTENCY_HEADER } from './intake-batch.ts';
import { type Call, type Operation, operation, type Reply } from './operation.ts';
import type { Shared } from './options.ts';
import { Problem } from './problem.ts';
import * as shapes from './schemas.ts';

/** As it is stored. */
export interface QuarantinedAlert {
  readonly at: Instant;
  readonly sender: string;
  readonly why: string;
  readonly alert: string;
}

const LONGEST_ALERT = 10_000;
/** Of one body: the count of all is in the answer. */
const MOST_QUARANTINED = 100;

export function webhookOperation(shared: Shared): Operation {
  const described = operation({
    id: 'receiveAlerts',
    method: 'post',
    path: '/api/v1/webhooks/alertmanager',
    summary: "Alertmanager's webhook (version 4); on disk before the answer",
    scope: 'intake',
    headers: IDEMPOTENCY_HEADER,
    query: z.strictObject({}),
    content: ['application/json'],
    answers: { 200: { description: 'On disk', schema: shapes.webhookAnswer } },
    handle: (call) => receive(shared, call),
  });
  return { ...described, body: { content: ['application/json'], schema: shapes.webhookBody } };
}

function receive(shared: Shared, { request, response, sender }: Call): Promise<Reply> {
  return withWholeBody(readBody(request, response, shared.limits), shared.budget, async (bytes) => {
    const body = parseJson(bytes);
    const raw = alertsOf(body);
    if (raw.length > shared.limits.alerts)
      throw new Problem(
        413,
        `This body holds more than ${shared.limits.alerts} alerts.`,
        'Group by more labels in Alertmanager, or raise limits.alerts.',
      );
    const { alerts: all, quarantined, truncated, receiver } = parseWebhook(body);
    const alerts = all.filter((alert) => !isOwn(alert));
    const apart = quarantined.slice(0, MOST_QUARANTINED);
    const also = async (set: WorkingSet) => {
      for (const { index, why } of apart) await quarantine(set, raw[index], why, sender, shared.now());
      return [];
    };
    const batch = { id: batchKey(request, sender, 'webhook'), facts: [], alerts, also };
    const isEmpty = alerts.length + apart.length === 0;
    const result = isEmpty ? 'nothing' : await accept(shared, 'webhook', batch);
    shared.metrics.alerts.inc({ result: 'accepted' }, alerts.length);
    shared.metrics.alerts.inc({ result: 'quarantined' }, quarantined.length);
    shared.metrics.alerts.inc({ result: 'truncated' }, truncated);
    shared.metrics.alerts.inc({ result: 'own' }, all.length - alerts.length);
    shared.heard?.({ alerts, truncated, receiver });
    return { status: 200, body: { result, alerts: alerts.length, quarantined: apart, truncated } };
  });
}

function alertsOf(body: unknown): readonly unknown[] {
  const alerts = typeof body === 'object' && body !== null && 'alerts' in body ? body.alerts : null;
  return Array.isArray(alerts) ? alerts : [];
}

/** Sent again, it is the same one. */
async function quarantine(set: WorkingSet, raw: unknown, why: string, sender: Sender, at: Instant): Promise<void> {
  const alert = (JSON.stringify(raw) ?? '').slice(0, LONGEST_ALERT);
  const id = hashId('q', [sender.name, alert]);
  await set.load('quarantine', [id]);
  const kept: QuarantinedAlert = { at, sender: sender.name, why, alert };
  set.put('quarantine', id, kept, { sort: at });
}
