/** The pages that `runbook_url` of the generated alerts leads to: the same as in rules/runbooks, as plain text. Nothing of a request is in them. */
import * as z from 'zod';
import { ALERTS } from '../alerting/pack.ts';
import { runbookPage } from '../alerting/runbook.ts';
import { type Operation, operation } from './operation.ts';
import { Problem } from './problem.ts';

const TEXT = 'text/plain; charset=utf-8';
const PAGES: ReadonlyMap<string, string> = new Map(ALERTS.map((alert) => [alert.name, runbookPage(alert)]));
const INDEX = `${ALERTS.map(({ name, summary }) => `runbooks/${name}\n  ${summary}`).join('\n')}\n`;

/** Open to all: whoever follows a link out of a page at night has no token at hand, and the pages say nothing of a cluster. */
export function runbookOperations(): readonly Operation[] {
  const shared = { method: 'get', scope: null, query: z.looseObject({}) } as const;
  const answers = { 200: { description: 'The page', schema: z.string(), content: ['text/plain'] } };
  return [
    operation({
      ...shared,
      id: 'listRunbooks',
      path: '/runbooks',
      summary: 'The alerts that have a page',
      answers,
      async handle({ response }) {
        response.status(200).set('Content-Type', TEXT).end(INDEX);
        return null;
      },
    }),
    operation({
      ...shared,
      id: 'getRunbook',
      path: '/runbooks/{id}',
      summary: 'What an alert means, and what to do',
      answers,
      async handle({ response, id }) {
        const page = PAGES.get(id.replace(/\.md$/, ''));
        if (page === undefined) throw new Problem(404, 'No alert of denywhy has this name.', 'GET /runbooks lists them.');
        response.status(200).set('Content-Type', TEXT).end(page);
        return null;
      },
    }),
  ];
}
