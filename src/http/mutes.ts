/** Mutes: denials that somebody expects. They are kept quiet, and counted. */

import * as z from 'zod';
import { parseInstant } from '../policy/time.ts';
import { addMute, endMute } from '../triage/actions.ts';
import type { Mute } from '../triage/incident.ts';
import { applyMutes, MOST_MUTES } from '../triage/mutes.ts';
import { actorOf } from './incidents.ts';
import { jsonOperation, type Operation, operation } from './operation.ts';
import type { Shared } from './options.ts';
import { Problem } from './problem.ts';
import * as shapes from './schemas.ts';
import { showMute } from './views.ts';

export function muteOperations(shared: Shared): readonly Operation[] {
  const { store, mutes, now, limits, budget, bounds, logger } = shared;
  const apply = async (target: Mute['target']) => {
    await mutes.refresh();
    await applyMutes(store, mutes.current(), target, bounds.clientsPerIncident);
  };
  return [
    operation({
      id: 'listMutes',
      method: 'get',
      path: '/api/v1/mutes',
      summary: 'Mutes that have not ended, those that end last first',
      scope: 'read',
      query: z.strictObject({}),
      answers: { 200: { description: 'All of them', schema: shapes.muteList } },
      async handle() {
        const documents = await store.list('mutes', { limit: MOST_MUTES });
        const alive = documents.map((d) => d.value as unknown as Mute).filter(({ expiresAt }) => expiresAt > now());
        return { status: 200, body: { items: alive.map(showMute) } };
      },
    }),
    jsonOperation({
      id: 'addMute',
      method: 'post',
      path: '/api/v1/mutes',
      summary: 'Keep expected denials quiet for some time',
      scope: 'triage',
      schema: shapes.muteBody,
      limits,
      budget,
      answers: {
        201: { description: 'The mute', schema: shapes.mute },
        409: { description: 'There are too many', schema: shapes.problem },
      },
      async handle({ body, sender }) {
        if ((await store.count('mutes')) >= MOST_MUTES)
          throw new Problem(
            409,
            `There are ${MOST_MUTES} mutes already.`,
            'End some of them, or mute a namespace instead of its workloads.',
          );
        const { reason, client, author } = body;
        const expiresAt = parseInstant(body.expiresAt) ?? 0;
        const target = body.target as Mute['target'];
        const mute = await addMute(store, { author: actorOf(author, sender), reason, createdAt: now(), expiresAt, target, client });
        await apply(target);
        logger.info({ mute: mute.id, sender: sender.name }, 'mute added');
        return { status: 201, body: showMute(mute) };
      },
    }),
    operation({
      id: 'endMute',
      method: 'delete',
      path: '/api/v1/mutes/{id}',
      summary: 'End a mute now',
      scope: 'triage',
      query: z.strictObject({}),
      answers: { 204: { description: 'It ended' }, 404: { description: 'There is no such mute', schema: shapes.problem } },
      async handle({ id, sender }) {
        const mute = await endMute(store, id);
        if (mute === null) throw new Problem(404, 'There is no mute by this id.', 'GET /api/v1/mutes lists them; it may have ended.');
        await apply(mute.target);
        logger.info({ mute: id, sender: sender.name }, 'mute ended');
        return { status: 204, body: null };
      },
    }),
  ];
}
