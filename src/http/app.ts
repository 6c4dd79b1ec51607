/** The app: every operation behind the same doors. */
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import * as z from 'zod';
import { addressOperation } from './addresses.ts';
import { askingOperations } from './asking.ts';
import { createGuard, type Guard, type Sender } from './auth.ts';
import { createBudget } from './body.ts';
import { diagnosisOperation } from './diagnoses.ts';
import { eventsOperation } from './events.ts';
import { healthOperations } from './health.ts';
import { incidentOperations } from './incidents.ts';
import { logsOperation } from './intake-logs.ts';
import { metricsOperation } from './intake-metrics.ts';
import { webhookOperation } from './intake-webhook.ts';
import { jobOperations } from './jobs.ts';
import { muteOperations } from './mutes.ts';
import { objectsOperation } from './objects.ts';
import { openApi } from './openapi.ts';
import { type Operation, operation } from './operation.ts';
import type { HttpOptions, Shared } from './options.ts';
import { refuseForeign, SECURITY_HEADERS } from './origin.ts';
import { policyOperations } from './policy.ts';
import { Problem, problemOf, sendProblem, unavailable } from './problem.ts';
import { remedyOperations } from './remedies.ts';
import { rulesOperation } from './rules.ts';
import { runbookOperations } from './runbooks.ts';
import { seriesOperation } from './series.ts';
import { sessionOperations } from './session.ts';
import { statusOperation } from './status.ts';
import { serveWindow } from './window.ts';

/** `closing`: aborted when the server shuts down; from then on requests are refused and streams end. */
export function createApp(options: HttpOptions, closing: AbortSignal): Express {
  const shared: Shared = { ...options, budget: createBudget(options.limits.held), closing };
  const guard = createGuard(shared.tokens);
  const operations = createOperations(shared, guard);
  const pass = createDoors(shared, guard);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.use((_request, response, next) => {
    response.set(SECURITY_HEADERS);
    next();
  });
  for (const one of operations)
    app[one.method](one.path.replaceAll(/\{(\w+)\}/g, ':$1'), (request, response) => pass(one, request, response));
  serveWindow(app);
  app.use((request, response) => sendProblem(response, noSuchPlace(request, operations)));
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => sendProblem(response, problemOf(error)));
  return app;
}

/** Every operation, in the order of the document. */
function createOperations(shared: Shared, guard: Guard): readonly Operation[] {
  const operations: readonly Operation[] = [
    webhookOperation(shared),
    logsOperation(shared),
    metricsOperation(shared),
    ...incidentOperations(shared),
    seriesOperation(shared),
    objectsOperation(shared),
    ...muteOperations(shared),
    ...jobOperations(shared),
    eventsOperation(shared),
    statusOperation(shared),
    ...sessionOperations(shared, guard),
    addressOperation(shared),
    ...askingOperations(shared),
    ...policyOperations(shared),
    ...remedyOperations(shared),
    rulesOperation(shared),
    ...healthOperations(shared),
    ...runbookOperations(),
    diagnosisOperation(),
  ];
  const described = operation({
    id: 'getOpenApi',
    method: 'get',
    path: '/openapi.json',
    summary: 'This document',
    scope: null,
    query: z.looseObject({}),
    answers: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({}) } },
    handle: async () => ({ status: 200, body: document }),
  });
  const document = openApi([...operations, described], shared.version);
  return [...operations, described];
}

/** Lets a request through to its operation, or says why not. Nothing of its body is read before. */
function createDoors(shared: Shared, guard: Guard): (one: Operation, request: Request, response: Response) => Promise<void> {
  const { limits, closing, metrics, tokens } = shared;
  let active = 0;

  /** The health of a busy server is not to be hidden by its work, and streams are counted on their own. */
  const isCounted = ({ isStream, scope }: Operation) => isStream !== true && scope !== null;

  function open(one: Operation, request: Request): Sender {
    if (closing.aborted && scopeNeeded(one))
      throw refused('closing', unavailable('This server is shutting down.', 'Send it again: another one answers.'));
    if (isCounted(one) && active >= limits.requests)
      throw refused('busy', unavailable('Too many requests are at work at this moment.', 'Send it again after a pause.'));
    try {
      refuseForeign(request, tokens.length > 0);
    } catch (error) {
      throw refused('foreign', error);
    }
    try {
      return guard.admit(request, one.scope);
    } catch (error) {
      throw refused('unauthorized', error);
    }
  }

  function refused(reason: string, error: unknown): unknown {
    metrics.refused.inc({ reason });
    return error;
  }

  return async (one, request, response) => {
    const begin = performance.now();
    response.once('close', () => observe(shared, one, request, response, begin));
    try {
      const sender = open(one, request);
      const counted = isCounted(one) ? 1 : 0;
      active += counted;
      try {
        await one.run(request, response, sender);
      } finally {
        active -= counted;
      }
    } catch (error) {
      fail(shared, one, request, response, error);
    }
  };
}

function scopeNeeded({ scope }: Operation): boolean {
  return scope !== null;
}

function observe({ metrics }: Shared, { path, method, isStream }: Operation, request: Request, response: Response, begin: number): void {
  const code = response.writableFinished || response.headersSent ? String(response.statusCode) : 'gone';
  metrics.requests.inc({ method: request.method === 'HEAD' ? 'head' : method, route: path, code });
  if (isStream !== true) metrics.requestSeconds.observe({ route: path }, (performance.now() - begin) / 1000);
}

/** A sender that went away needs no answer, and what it sent in part is not kept. */
function fail({ logger }: Shared, { path, id }: Operation, request: Request, response: Response, error: unknown): void {
  if (request.destroyed && !request.complete) {
    response.destroy();
    return;
  }
  const problem = problemOf(error);
  if (problem.status === 500) logger.error({ operation: id, route: path, error }, 'request failed');
  else if (problem.status === 503) logger.warn({ operation: id, route: path, detail: problem.message }, 'request refused');
  else logger.debug({ operation: id, route: path, status: problem.status, detail: problem.message }, 'request refused');
  sendProblem(response, problem);
}

function noSuchPlace({ path, method }: Request, operations: readonly Operation[]): Problem {
  const here = operations.filter((one) => isAt(one.path, path));
  if (here.length === 0) return new Problem(404, 'There is nothing at this address.', 'GET /openapi.json lists what there is.');
  const allow = [...new Set(here.map((one) => one.method.toUpperCase()))].join(', ');
  return new Problem(405, `${method.slice(0, 20)} is not for this address.`, `It takes ${allow}.`, { Allow: allow });
}

function isAt(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  return wanted.length === given.length && wanted.every((part, i) => part.startsWith('{') || part === given[i]);
}
