/** The pages of the findings, as they lie beside the program: plain text, with nothing of a request in them. */
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import * as z from 'zod';
import { type Operation, operation } from './operation.ts';
import { Problem } from './problem.ts';

const DIRECTORY = new URL('../../docs/diagnoses/', import.meta.url);

/** Open to all: the pages say nothing of a cluster. */
export function diagnosisOperation(): Operation {
  // Only what lies there becomes the name of a file.
  const known = new Set(globSync('[a-z]*.md', { cwd: DIRECTORY }).map((name) => basename(name, '.md')));
  return operation({
    id: 'getDiagnosis',
    method: 'get',
    path: '/diagnoses/{id}',
    summary: 'What a finding means, and what to do',
    scope: null,
    query: z.looseObject({}),
    answers: { 200: { description: 'The page', schema: z.string(), content: ['text/plain'] } },
    async handle({ response, id }) {
      if (!known.has(id)) throw new Problem(404, 'No finding of denywhy has this id.', 'denywhy diagnoses lists them.');
      response
        .status(200)
        .set('Content-Type', 'text/plain; charset=utf-8')
        .end(readFileSync(new URL(`${id}.md`, DIRECTORY)));
      return null;
    },
  });
}
