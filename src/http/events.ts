/** The stream of events: page by page, or as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Request, Response } from 'express';
import type { Store, StoredEvent } from '../ports.ts';
import { type Call, type Operation, operation, type Reply } from './operation.ts';
import type { Shared } from './options.ts';
import { Problem, unavailable } from './problem.ts';
import * as shapes from './schemas.ts';
import { showEvent } from './views.ts';

const HEARTBEAT_MS = 15_000;
/** A reader that takes nothing for so long is gone. */
const PATIENCE_MS = 30_000;
const STEP = 100;

export function eventsOperation(shared: Shared): Operation {
  let open = 0;
  return operation({
    id: 'readEvents',
    method: 'get',
    path: '/api/v1/events',
    summary: 'Changed and newly explained incidents, in order: a page, or (Accept: text/event-stream) a stream that goes on',
    scope: 'read',
    headers: { 'Last-Event-ID': 'Where a stream goes on that was cut off.' },
    query: shapes.eventQuery,
    isStream: true,
    answers: {
      200: {
        description: 'Events after `after`, oldest first',
        schema: shapes.eventPage,
        content: ['application/json', 'text/event-stream'],
      },
    },
    async handle(call) {
      if (!wantsStream(call.request)) return page(shared, call);
      if (open >= shared.limits.streams)
        throw unavailable('Too many readers follow the events.', 'Read page by page with ?after=, or raise limits.streams.');
      shared.metrics.streams.set(++open);
      try {
        await stream(shared, call.request, call.response, await startOf(shared, call));
      } finally {
        shared.metrics.streams.set(--open);
      }
      return null;
    },
  });
}

type Query = (typeof shapes.eventQuery)['_output'];

function wantsStream({ headers }: Request): boolean {
  return (headers.accept ?? '').split(',').some((type) => type.split(';', 1)[0]?.trim().toLowerCase() === 'text/event-stream');
}

async function page({ store }: Shared, { query }: Call<Query>): Promise<Reply> {
  const after = await askedFrom(store, query);
  const events = await store.events(after, query.limit);
  return { status: 200, body: { items: events.map(showEvent), next: events.at(-1)?.sequence ?? after } };
}

/** A browser that comes back says what it saw last; it counts more than the address that it was given first. */
async function startOf({ store }: Shared, { request, query }: Call<Query>): Promise<number> {
  const last = request.get('Last-Event-ID');
  if (last === undefined || last === '') return askedFrom(store, query);
  if (/^\d{1,16}$/.test(last)) return Number(last);
  throw new Problem(400, 'Last-Event-ID is no number.', 'Send the id of the last event, or leave it out.');
}

async function askedFrom(store: Store, { after = 0, from }: Query): Promise<number> {
  return from === 'now' ? store.lastEvent() : after;
}

async function stream({ store, closing, eventPoll }: Shared, request: Request, response: Response, start: number): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
  response.flushHeaders();
  const gone = new AbortController();
  const leave = () => gone.abort();
  response.once('close', leave);
  closing.addEventListener('abort', leave, { once: true });
  let after = start;
  let spokenAt = performance.now();
  try {
    // Without data it is no event, and yet what a browser comes back with.
    await write(response, `retry: 3000\nid: ${start}\n\n`, gone.signal);
    while (!gone.signal.aborted) {
      const events = await store.events(after, STEP);
      after = events.at(-1)?.sequence ?? after;
      const isSilent = performance.now() - spokenAt >= HEARTBEAT_MS;
      if (events.length > 0 || isSilent) {
        await write(response, events.length > 0 ? events.map(showMessage).join('') : ': still here\n\n', gone.signal);
        spokenAt = performance.now();
      }
      if (events.length < STEP) await sleep(eventPoll, undefined, { signal: gone.signal });
    }
  } catch {
    // The reader went away, or the store did: the reader comes back with Last-Event-ID.
  } finally {
    closing.removeEventListener('abort', leave);
    response.end();
    if (!request.complete) request.destroy();
  }
}

function showMessage(event: StoredEvent): string {
  return `id: ${event.sequence}\nevent: incident\ndata: ${JSON.stringify(showEvent(event))}\n\n`;
}

async function write(response: Response, text: string, gone: AbortSignal): Promise<void> {
  if (response.write(text)) return;
  await once(response, 'drain', { signal: AbortSignal.any([gone, AbortSignal.timeout(PATIENCE_MS)]) });
}
