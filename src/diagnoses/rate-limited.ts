/** Row 50: a rate limit answered, and no authorization was refused. */
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const rateLimited: Diagnosis = {
  id: 'rate-limited',
  title: 'a rate limit, not a denial',
  denied(denied) {
    if (denied.target.kind !== 'rate-limited') return null;
    const limit = denied.law?.evaluation.policy.rateLimit ?? null;
    const allowed =
      limit === null ? [] : [limit.total, limit.identity].flatMap((n, i) => (n === null ? [] : [`${LIMITS[i]}: ${n} a second`]));
    const overrides = limit?.overrides.map((o) => `for ${o.identities.join(', ')}: ${o.requestsPerSecond} a second`) ?? [];
    return drafted(denied, {
      certainty: 'certain',
      removal: 'unknown',
      required: [...allowed, ...overrides],
      observed: 'more requests than that, at one pod',
      note: 'the client is authorized; its requests were answered with 429 (gRPC: grpc-status 8)',
      todo: 'Nothing is to be authorized. Let the client ask less often and retry later; if so many requests are meant to come, raise the limit, or add an override for just this identity.',
      remedies: ['raise-limit'],
    });
  },
};

const LIMITS = ['all clients together', 'each identity'];
