/** What machines ask: does it live, is it ready, how does it do. */
import * as z from 'zod';
import type { Readings } from '../telemetry.ts';
import { type Operation, operation } from './operation.ts';
import type { Shared } from './options.ts';
import * as shapes from './schemas.ts';

export function healthOperations(shared: Shared): readonly Operation[] {
  const { store, limits, closing, metrics } = shared;
  const query = z.looseObject({});
  return [
    operation({
      id: 'isAlive',
      method: 'get',
      path: '/healthz',
      summary: 'The process lives',
      scope: null,
      query,
      answers: { 200: { description: 'It does', schema: shapes.health } },
      handle: async () => ({ status: 200, body: { status: 'ok' } }),
    }),
    operation({
      id: 'isReady',
      method: 'get',
      path: '/readyz',
      summary: 'The store takes writes; what survives a loss is said in one sentence',
      scope: null,
      query,
      answers: { 200: { description: 'It is', schema: shapes.health }, 503: { description: 'It is not', schema: shapes.health } },
      async handle() {
        const isReady = !closing.aborted && (await answers(store.ping(), limits.answerTime));
        return isReady
          ? { status: 200, body: { status: 'ready', durability: store.durability() } }
          : { status: 503, body: { status: 'not ready' } };
      },
    }),
    operation({
      id: 'getMetrics',
      method: 'get',
      path: '/metrics',
      summary: "denywhy's own metrics, in Prometheus' text format",
      scope: shared.isMetricsOpen ? null : 'read',
      query,
      answers: { 200: { description: 'The page', schema: z.string(), content: ['text/plain'] } },
      async handle({ response }) {
        const text = await metrics.page(readings(shared));
        response.status(200).set('Content-Type', metrics.contentType).end(text);
        return null;
      },
    }),
  ];
}

const STATES = ['open', 'acknowledged', 'resolved'] as const;

function readings({ store, queue, limits, asking }: Shared): Readings {
  return {
    async incidents() {
      const counts = Promise.all(STATES.map(async (state) => [state, await store.count('incidents', `state:${state}`)] as const));
      const known = await inTime(counts, limits.answerTime);
      return known === null ? null : Object.fromEntries(known);
    },
    jobs: () => inTime(queue.counts(), limits.answerTime),
    posture: async () => (asking === undefined ? null : inTime(asking.postureCounts(), limits.answerTime)),
  };
}

async function answers(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  return (
    (await inTime(
      promise.then(() => true),
      milliseconds,
    )) === true
  );
}

/** null: it failed, or took too long. */
async function inTime<T>(promise: Promise<T>, milliseconds: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
