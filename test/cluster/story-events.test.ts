import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readStory } from './story-events.ts';
import { asSent } from './story-workloads.ts';

const STORY = join(import.meta.dirname, '..', '..', 'demo', 'policy-history.jsonl');

const field = (manager: string, time: string, fields: object = {}, subresource?: string) => ({
  manager,
  operation: 'Update',
  time,
  fieldsV1: fields,
  ...(subresource === undefined ? {} : { subresource }),
});
const applied = field('kubectl-client-side-apply', '2026-11-23T09:20:37Z', { 'f:spec': { 'f:identities': {} } });
const emptied = field('kubectl-client-side-apply', '2026-11-23T09:20:37Z', { 'f:spec': {} });
const edited = (time: string) => field('kubectl-edit', time, { 'f:spec': { 'f:identities': {} } });
const status = field('linkerd.io/policy-controller', '2026-11-23T09:20:37Z', { 'f:status': {} }, 'status');

it.each([
  ['the only manager made the object', [[applied]], 'kubectl-client-side-apply'],
  ['a status written in the same second is the new entry', [[applied], [applied, status]], 'linkerd.io/policy-controller'],
  [
    'an edit that takes fields over from another manager is the edit',
    [[applied], [emptied, edited('2026-11-23T09:23:07Z')]],
    'kubectl-edit',
  ],
  [
    'a second edit by the same manager is the entry with the new time',
    [
      [emptied, edited('2026-11-23T09:23:07Z'), status],
      [emptied, edited('2026-11-23T09:28:57Z'), status],
    ],
    'kubectl-edit',
  ],
  ['managed fields that were not recorded name nobody', [[]], null],
])('of two versions of an object, %s', (_, versions, manager) => {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-story-'));
  try {
    const file = join(directory, 'history.jsonl');
    const lines = versions.map((managedFields, index) => ({
      observedAt: '2026-11-23T09:30:00Z',
      type: index === 0 ? 'ADDED' : 'MODIFIED',
      object: { apiVersion: 'v1', kind: 'Thing', metadata: { name: 'one', namespace: 'production', managedFields } },
    }));
    writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

    expect(readStory(file).at(-1)?.writer?.manager ?? null).toBe(manager);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it('finds in the recorded story who made which change', () => {
  const changes = readStory(STORY).filter(({ isInitial }) => !isInitial);
  const tally = new Map<string, number>();
  for (const { writer, type } of changes) {
    const key = `${type} ${writer?.manager}${writer?.subresource === undefined ? '' : `/${writer.subresource}`}`;
    tally.set(key, (tally.get(key) ?? 0) + 1);
  }

  expect(Object.fromEntries(tally)).toEqual({
    'ADDED kubectl-client-side-apply': 21,
    'MODIFIED linkerd.io/policy-controller/status': 5,
    'MODIFIED kubectl-edit': 2,
  });
});

it('sends an object without what the API server and controllers add', () => {
  const metadata = { name: 'one', namespace: 'production', labels: { app: 'one' } };
  const added = {
    uid: 'u',
    resourceVersion: '7',
    generation: 2,
    creationTimestamp: '2026-11-23T09:20:37Z',
    managedFields: [applied],
    ownerReferences: [],
  };

  expect(asSent({ apiVersion: 'v1', kind: 'Thing', metadata: { ...metadata, ...added }, spec: { a: 1 }, status: { b: 2 } })).toEqual({
    apiVersion: 'v1',
    kind: 'Thing',
    metadata,
    spec: { a: 1 },
  });
});
