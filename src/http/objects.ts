/** The policy objects of an incident, with the lines that decided. */
import { showInstant } from '../policy/time.ts';
import type { Store } from '../ports.ts';
import { noIncident } from './incidents.ts';
import { type Operation, operation } from './operation.ts';
import type { IncidentObjects, Shared } from './options.ts';
import * as shapes from './schemas.ts';

export function objectsOperation({ objects, store }: Shared): Operation {
  return operation({
    id: 'listIncidentObjects',
    method: 'get',
    path: '/api/v1/incidents/{id}/objects',
    summary: 'The policy objects that the client met which was denied most, as YAML, with the lines that decided',
    scope: 'read',
    query: shapes.objectsQuery,
    answers: {
      200: { description: 'What refuses comes first', schema: shapes.incidentObjects },
      404: { description: 'There is no such incident', schema: shapes.problem },
    },
    async handle({ id, query: { at = 'denial' } }) {
      const found = objects === undefined ? await nothingOf(id, store) : await objects.of(id, at);
      if (found === null) throw noIncident();
      return { status: 200, body: { at, of: found.of === null ? null : showInstant(found.of), items: found.objects } };
    },
  });
}

/** No objects are known: then there are none of an incident that is there. */
async function nothingOf(id: string, store: Store): Promise<IncidentObjects | null> {
  const [incident] = await store.get('incidents', [id]);
  return incident == null ? null : { of: null, objects: [] };
}
