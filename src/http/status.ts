/** How the programs that denywhy asks are doing, each with what to do about it. */
import * as z from 'zod';
import { showInstant } from '../policy/time.ts';
import { readSources, type SourceStatus } from '../triage/sources.ts';
import { type Operation, operation } from './operation.ts';
import type { Shared } from './options.ts';
import * as shapes from './schemas.ts';

export function statusOperation({ store }: Shared): Operation {
  return operation({
    id: 'getStatus',
    method: 'get',
    path: '/api/v1/status',
    summary: 'How the cluster, Prometheus and Alertmanager are doing, as far as they are configured',
    scope: 'read',
    query: z.strictObject({}),
    answers: { 200: { description: 'Sources by id', schema: shapes.sourceList } },
    handle: async () => ({ status: 200, body: { items: (await readSources(store)).map(show) } }),
  });
}

function show({ at, answeredAt, lag, fault, remarks, ...rest }: SourceStatus): z.input<typeof shapes.sourceList>['items'][number] {
  return {
    ...rest,
    at: showInstant(at),
    answeredAt: answeredAt === null ? null : showInstant(answeredAt),
    lagSeconds: lag === null ? null : lag / 1000,
    fault: fault === null ? null : { ...fault, since: showInstant(fault.since) },
    remarks: [...remarks],
  };
}
