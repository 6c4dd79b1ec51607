/** Each kind of oracle record → comparisons between what is expected and what we answer. */
import { admit } from '../../src/policy/admission.ts';
import { fromHelmNames } from '../../src/policy/cluster-settings.ts';
import { type Resource, refOf } from '../../src/policy/resource.ts';
import { checkSchema } from '../../src/policy/schema.ts';
import { buildSnapshot, type ObjectChange, restarted, type Snapshot, withChanges } from '../../src/policy/snapshot.ts';
import { answer, policyJson, type Query } from './answers.ts';
import type { Json, Rec } from './read.ts';

/** One thing that was asked. `expected` and `got` are compared leaf by leaf. */
export interface Comparison {
  readonly case: string;
  readonly query: string;
  readonly expected: Json;
  readonly got: Json;
  /** Said of it beside the number: how it was compared. */
  readonly remark?: 'admitted-only';
}

function resource(value: Json | undefined): Resource {
  const object = value as unknown as Resource;
  return { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? '' } };
}

function resources(value: Json | undefined): readonly Resource[] {
  return ((value ?? []) as readonly Json[]).map(resource);
}

/** A scenario, or a random cluster: queries and policies. */
export function* compareCluster(record: Rec): Iterable<Comparison> {
  const snapshot = buildSnapshot(resources(record['resources']), fromHelmNames(record['settings'] as Rec));
  yield* compareQueries(String(record['id']), snapshot, (record['queries'] ?? []) as unknown as readonly Query[]);
  for (const [key, expected] of Object.entries((record['policies'] ?? {}) as Rec)) {
    yield { case: String(record['id']), query: `policy ${key}`, expected, got: policyJson(snapshot, key) };
  }
}

function* compareQueries(name: string, snapshot: Snapshot, queries: readonly Query[]): Iterable<Comparison> {
  for (const query of queries) yield { case: name, query: query.id, expected: query.expect, got: answer(snapshot, query) };
}

/** A sequence of changes: a controller that saw every step, and one that starts now. */
export function* compareUpdates(record: Rec): Iterable<Comparison> {
  let snapshot = buildSnapshot([], fromHelmNames(record['settings'] as Rec));
  for (const [i, value] of ((record['steps'] ?? []) as readonly Rec[]).entries()) {
    snapshot = withChanges(snapshot, changesOf(value));
    const fresh = restarted(snapshot);
    for (const query of (value['queries'] ?? []) as unknown as readonly (Query & { readonly expect_after_restart: Rec })[]) {
      const at = `step ${i + 1} ${query.id}`;
      yield { case: String(record['id']), query: at, expected: query.expect, got: answer(snapshot, query) };
      yield { case: String(record['id']), query: `${at} after restart`, expected: query.expect_after_restart, got: answer(fresh, query) };
    }
  }
}

function changesOf(step: Rec): readonly ObjectChange[] {
  const deletions = resources(step['delete']).map((object) => ({ delete: refOf(object) }));
  return [...deletions, ...resources(step['apply']).map((apply) => ({ apply }))];
}

/** An object through the webhook and the schema. In a parser's words only the refusal counts. */
export function* compareAdmission(record: Rec): Iterable<Comparison> {
  const object = resource(record['object']);
  const got = admit(object);
  const schema = checkSchema(object);
  const ownWords = got.ownWords || got.admitted;
  const expected: Record<string, Json> = { admitted: record['admitted'] as Json };
  const ours: Record<string, Json> = { admitted: got.admitted };
  if (ownWords || got.admitted !== record['admitted']) {
    expected['message'] = record['message'] as Json;
    ours['message'] = got.message;
  }
  if (record['schema'] !== undefined) {
    expected['schema'] = record['schema'] as Json;
    ours['schema'] = schema === null ? null : schema.ok ? 'ok' : 'rejected';
  }
  yield { case: String(record['id']), query: 'admission', expected, got: ours, ...(ownWords ? {} : { remark: 'admitted-only' as const }) };
}
