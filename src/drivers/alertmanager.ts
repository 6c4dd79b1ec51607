/** Alertmanager's API v2 (github.com/prometheus/alertmanager api/v2/openapi.yaml). */
import { InvalidInput } from '../errors.ts';
import { type AlertFact, parseWebhook } from '../evidence/alert.ts';
import { parseInstant, showInstant } from '../policy/time.ts';
import type { Alertmanager, HeldAlert } from '../ports.ts';
import type { Upstream } from './upstream.ts';
import { fields, liar, parseAnswer } from './upstream-json.ts';

export function createAlertmanager(upstream: Upstream): Alertmanager {
  const { place } = upstream;
  const get = async (path: string) => parseAnswer((await upstream.ask({ method: 'get', path })).text, place);

  return {
    place,
    async post(alerts) {
      const json = alerts.map((alert) => ({ ...alert, startsAt: showInstant(alert.startsAt), endsAt: showInstant(alert.endsAt) }));
      await upstream.ask({ method: 'post', path: '/api/v2/alerts', json });
    },
    async alerts() {
      const answer = await get('/api/v2/alerts');
      if (!Array.isArray(answer)) throw liar(place, 'answered with something else than a list of alerts');
      return answer.flatMap(readHeld);
    },
    async startedAt() {
      const started = parseInstant(String(fields(await get('/api/v2/status'))['uptime']));
      if (started === null) throw liar(place, 'does not say since when it runs');
      return started;
    },
    close: () => upstream.close(),
  };
}

/** Nothing of one that cannot be read: the others stand. */
function readHeld(raw: unknown): readonly HeldAlert[] {
  const held = fields(raw);
  const alert = alertOf({ ...held, status: 'firing' });
  if (alert === null || alert.labels.size === 0) return [];
  const receivers = Array.isArray(held['receivers']) ? held['receivers'].map((receiver) => fields(receiver)['name']) : [];
  return [
    {
      alert,
      receivers: receivers.filter((name): name is string => typeof name === 'string'),
      isActive: fields(held['status'])['state'] === 'active',
    },
  ];
}

/** Its fields are those of the webhook, but for the status. */
function alertOf(raw: unknown): AlertFact | null {
  try {
    return parseWebhook({ alerts: [raw] }).alerts[0] ?? null;
  } catch (error) {
    if (error instanceof InvalidInput) return null;
    throw error;
  }
}
