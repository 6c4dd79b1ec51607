/** The way out of an incident: what to do, and each remedy alone. Nothing is applied. */
import * as z from 'zod';
import { type Operation, operation } from './operation.ts';
import type { Shared } from './options.ts';
import { Problem } from './problem.ts';
import * as shapes from './schemas.ts';

const TYPES = { yaml: 'application/yaml', patch: 'application/json-patch+json', diff: 'text/x-diff' } as const;

export function remedyOperations({ remedies }: Shared): readonly Operation[] {
  const missing = { 404: { description: 'There is no such incident, or no such remedy of it', schema: shapes.problem } };
  return [
    operation({
      id: 'listRemedies',
      method: 'get',
      path: '/api/v1/incidents/{id}/remedies',
      summary: 'What to do about each client of an incident, on the policy in force now, each change proved',
      scope: 'read',
      query: z.strictObject({}),
      answers: {
        200: { description: 'One item for each client, and behind them what lets in too much there', schema: shapes.remedyList },
        ...missing,
      },
      async handle({ id }) {
        return { status: 200, body: found((await remedies?.list(id)) ?? null) };
      },
    }),
    operation({
      id: 'getRemedy',
      method: 'get',
      path: '/api/v1/incidents/{id}/remedies/{n}',
      summary: 'One remedy: whole objects for kubectl apply, a JSON patch, or a diff',
      scope: 'read',
      query: shapes.remedyQuery,
      answers: { 200: { description: 'The remedy', schema: z.string(), content: Object.values(TYPES) }, ...missing },
      async handle({ id, request, response, query: { format = 'yaml' } }) {
        const { n } = request.params;
        const number = typeof n === 'string' && /^[1-9]\d{0,3}$/.test(n) ? Number(n) : 0;
        const one = (await remedies?.one(id, number, format)) ?? 'no incident';
        if (one === 'no incident') throw noIncident();
        if (one === 'no remedy') throw new Problem(404, 'This incident has no such remedy.', LISTED);
        const { text } = one;
        response.status(200).set('Content-Type', `${TYPES[format]}; charset=utf-8`).end(text);
        return null;
      },
    }),
  ];
}

const LISTED = 'GET /api/v1/incidents/{id}/remedies lists them.';

function found<T>(answer: T | null): T {
  if (answer !== null) return answer;
  throw noIncident();
}

function noIncident(): Problem {
  return new Problem(404, 'There is no incident by this id.', 'GET /api/v1/incidents lists them; old ones are dropped (retention).');
}
