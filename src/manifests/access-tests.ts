/** Files of `denywhy test`: questions of `can` with the answers that are expected, kept beside the manifests. */
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { InvalidInput, type Place } from '../errors.ts';
import { parseYaml } from './yaml-text.ts';

export const FORM = 'denywhy.test/1';

const EXPECT = ['yes', 'no', 'undecided', 'partly'] as const;
const text = (description: string) => z.string().min(1).max(4096).describe(description);

const question = z
  .strictObject({
    name: text('for people; the question itself where left out').optional(),
    can: text('the client: sa/NAME, a workload, an address, or a mesh identity'),
    reach: text('the server: deploy/NAME:PORT'),
    namespace: text('of both, where they name none').optional(),
    method: text('of the HTTP request; GET where only a path is given').optional(),
    path: text('of the HTTP request').optional(),
    authority: text('the host that the request names').optional(),
    grpc: text('a gRPC call: SERVICE/METHOD').optional(),
    asIp: text('the client calls from this address').optional(),
    unmeshed: z.boolean().describe('as if the client had no proxy').optional(),
    only: z.literal('linkerd').describe('Linkerd’s answer, whatever NetworkPolicy says').optional(),
    expect: z.enum(EXPECT).describe('partly: it depends on the request, the address or the pod'),
  })
  .describe('one question of denywhy can, with the answer that is expected');

/** The shape, from which docs/schema/denywhy-test.json is made. */
export const ACCESS_TESTS = z.strictObject({
  form: z.literal(FORM),
  namespace: text('of questions that name none').optional(),
  only: z.literal('linkerd').describe('of every question: Linkerd’s answer, whatever NetworkPolicy says').optional(),
  tests: z.array(question).max(100_000),
});

export interface AccessTest extends z.output<typeof question> {
  readonly place: Place;
}

/** Errors: InvalidInput, with the place of the first fault. */
export function readAccessTests(source: string, file: string): readonly AccessTest[] {
  const { documents } = parseYaml(source, file);
  const [document] = documents;
  const shape = `It begins with "form: ${FORM}"; docs/test.md has an example.`;
  if (document === undefined || documents.length > 1)
    throw new InvalidInput(document === undefined ? 'There is nothing in it.' : 'There is more than one document in it.', shape, { file });
  const read = ACCESS_TESTS.safeParse(withAnswersAsWords(document.value));
  if (!read.success) {
    const [issue] = read.error.issues;
    const path = (issue?.path ?? []).filter((key) => typeof key !== 'symbol');
    throw new InvalidInput(`${path.join('.') || 'This file'}: ${issue?.message ?? 'is not as it should be'}.`, shape, document.place(path));
  }
  const { namespace, only, tests } = read.data;
  const common = { ...(namespace === undefined ? {} : { namespace }), ...(only === undefined ? {} : { only }) };
  return tests.map((one, i) => ({ ...common, ...one, place: document.place(['tests', i]) }));
}

/** Readers of YAML 1.1 take a bare yes and no for truth values, and so do those who write them. */
function withAnswersAsWords(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('tests' in value) || !Array.isArray(value.tests)) return value;
  const tests = value.tests.map((one: unknown) => {
    if (typeof one !== 'object' || one === null || !('expect' in one) || typeof one.expect !== 'boolean') return one;
    return { ...one, expect: one.expect ? 'yes' : 'no' };
  });
  return { ...value, tests };
}

/** The file with these answers, by the index of their question; comments and form stay. */
export function withExpected(source: string, answers: ReadonlyMap<number, AccessTest['expect']>): string {
  const document = parseDocument(source, { schema: 'core' });
  for (const [i, answer] of answers) document.setIn(['tests', i, 'expect'], answer);
  return document.toString({ lineWidth: 0 });
}
