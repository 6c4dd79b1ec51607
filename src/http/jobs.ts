/** Jobs that kept failing, allowed traffic, and alerts that could not be read: what is looked at when something is odd. */
import * as z from 'zod';
import { showInstant } from '../policy/time.ts';
import type { ObservationDelta } from '../triage/delta.ts';
import type { QuarantinedAlert } from './intake-webhook.ts';
import { type Operation, operation } from './operation.ts';
import type { Shared } from './options.ts';
import { pageOf } from './paging.ts';
import { Problem } from './problem.ts';
import * as shapes from './schemas.ts';
import { showObservation, showParked } from './views.ts';

export function jobOperations({ store, queue, logger }: Shared): readonly Operation[] {
  return [
    operation({
      id: 'listParkedJobs',
      method: 'get',
      path: '/api/v1/jobs/parked',
      summary: 'Explanations that kept failing, with the reason, newest first',
      scope: 'read',
      query: shapes.parkedQuery,
      answers: { 200: { description: 'Parked jobs', schema: shapes.parkedList } },
      handle: async ({ query }) => ({ status: 200, body: { items: (await queue.parked(query.limit)).map(showParked) } }),
    }),
    operation({
      id: 'retryParkedJob',
      method: 'post',
      path: '/api/v1/jobs/parked/{id}/retry',
      summary: 'Let a parked job run again, with all its attempts',
      scope: 'triage',
      query: z.strictObject({}),
      answers: { 202: { description: 'It will run' }, 404: { description: 'No such job is parked', schema: shapes.problem } },
      async handle({ id, sender }) {
        if (!(await queue.retry(id)))
          throw new Problem(404, 'No job is parked by this id.', 'GET /api/v1/jobs/parked lists them; it may run already.');
        logger.info({ incident: id, sender: sender.name }, 'parked job retried');
        return { status: 202, body: null };
      },
    }),
    operation({
      id: 'listObservations',
      method: 'get',
      path: '/api/v1/observations',
      summary: 'Allowed traffic, the last seen first: client, Server, route, authorization and count',
      scope: 'read',
      query: shapes.namespaceQuery,
      answers: { 200: { description: 'A page of observations', schema: shapes.observationPage } },
      async handle({ query: { limit, cursor, namespace } }) {
        const tag = namespace === undefined ? {} : { tag: `namespace:${namespace}` };
        const { documents, next } = await pageOf(store, { collection: 'observations', ...tag, limit, cursor });
        return { status: 200, body: { items: documents.map((d) => showObservation(d.value as unknown as ObservationDelta)), next } };
      },
    }),
    operation({
      id: 'listQuarantine',
      method: 'get',
      path: '/api/v1/quarantine',
      summary: 'Alerts that could not be read, newest first',
      scope: 'read',
      query: shapes.pageQuery,
      answers: { 200: { description: 'A page of them', schema: shapes.quarantinePage } },
      async handle({ query: { limit, cursor } }) {
        const { documents, next } = await pageOf(store, { collection: 'quarantine', limit, cursor });
        const items = documents.map(({ id, value }) => {
          const { at, ...rest } = value as unknown as QuarantinedAlert;
          return { id, at: showInstant(at), ...rest };
        });
        return { status: 200, body: { items, next } };
      },
    }),
  ];
}
