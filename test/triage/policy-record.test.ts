import { describe, expect, it } from 'vitest';
import { stateAt } from '../../src/manifests/history.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { createPolicyRecord } from '../../src/triage/policy-record.ts';
import { POLICY_REVISION_TAG, retain } from '../../src/triage/timed.ts';
import { createMemory, createMemoryStore } from '../memory-store.ts';
import { createDesk, NOON } from './desk.ts';
import { timedOptions } from './timed-options.ts';

const object = (name: string, port: number): Resource => ({
  apiVersion: 'policy.linkerd.io/v1beta3',
  kind: 'Server',
  metadata: { name, namespace: 'shop' },
  spec: { port },
  origin: { file: `${Math.random()}.yaml`, line: port },
});

const STATES: readonly (readonly Resource[])[] = [
  [object('a', 1), object('b', 1)],
  [object('a', 2), object('b', 1), object('c', 1)],
  [object('a', 2), object('c', 1)],
  [object('a', 2), object('b', 9), object('c', 1)],
];

const shown = (resources: readonly Resource[]) => resources.map((r) => `${r.metadata.name}:${(r.spec as { port: number }).port}`).sort();

describe('the recorded policy', () => {
  it('knows every state of the past, also after a restart', async () => {
    const memory = createMemory();
    const revisions: string[] = [];
    for (const [i, state] of STATES.entries()) {
      const record = createPolicyRecord(createMemoryStore(memory), { policyRevisions: 100, podChanges: 100 });
      const recorded = await record.record(state, NOON + i);
      const changes = recorded.changes();
      revisions.push(recorded.revision);
      for (const [past, expected] of STATES.slice(0, i + 1).entries())
        expect(shown(stateAt(changes, NOON + past)), `state ${past} after ${i}`).toEqual(shown(expected));
    }
    expect(new Set(revisions).size).toBe(STATES.length);
  });

  it('gives the same objects the same name in every process, wherever they stand in files', async () => {
    const names = await Promise.all(
      [createMemory(), createMemory()].map(
        async (memory) =>
          (await createPolicyRecord(createMemoryStore(memory), { policyRevisions: 9, podChanges: 9 }).record([object('a', 1)], NOON))
            .revision,
      ),
    );
    expect(names[0]).toBe(names[1]);
  });

  it('records nothing when nothing changed', async () => {
    const memory = createMemory();
    const record = createPolicyRecord(createMemoryStore(memory), { policyRevisions: 9, podChanges: 9 });
    await record.record([object('a', 1)], NOON);
    const before = JSON.stringify([...(memory.rows.get('policy') ?? [])]);
    await record.record([object('a', 1)], NOON + 5);
    expect(JSON.stringify([...(memory.rows.get('policy') ?? [])])).toBe(before);
  });

  it('holds a large cluster in chunks, and loses only the far past when old revisions go', async () => {
    const desk = createDesk();
    const many = Array.from({ length: 1500 }, (_, i) => object(`s${i}`, 1));
    await createPolicyRecord(desk.store, { policyRevisions: 100, podChanges: 100 }).record(many, NOON);
    for (let i = 1; i <= 6; i++)
      await createPolicyRecord(desk.store, { policyRevisions: 100, podChanges: 100 }).record([...many, object('x', i)], NOON + i);
    expect(await desk.store.count('policy', POLICY_REVISION_TAG)).toBe(6);
    while ((await retain(timedOptions(desk, { policyRevisions: 2 }), NOON)) > 0);
    const { changes: changesOf } = await createPolicyRecord(desk.store, { policyRevisions: 100, podChanges: 100 }).record(
      [...many, object('x', 6)],
      NOON + 9,
    );
    const changes = changesOf();
    const portAt = (at: number) => shown(stateAt(changes, at)).filter((s) => s.startsWith('x:'));
    expect([portAt(NOON), portAt(NOON + 4), portAt(NOON + 5), portAt(NOON + 6)]).toEqual([['x:4'], ['x:4'], ['x:5'], ['x:6']]);
    expect(stateAt(changes, null)).toHaveLength(1501);
  });

  it('of two processes that see the same change is recorded once', async () => {
    const memory = createMemory();
    const records = [1, 2].map(() => createPolicyRecord(createMemoryStore(memory), { policyRevisions: 100, podChanges: 100 }));
    for (const [i, state] of STATES.entries()) {
      const results = await Promise.all(records.map((record) => record.record(state, NOON + i)));
      expect(results[0]?.revision).toBe(results[1]?.revision);
    }
    const { changes: changesOf } = await createPolicyRecord(createMemoryStore(memory), { policyRevisions: 100, podChanges: 100 }).record(
      STATES[3] ?? [],
      NOON + 9,
    );
    const changes = changesOf();
    expect(shown(stateAt(changes, NOON + 1))).toEqual(shown(STATES[1] ?? []));
    expect(await createMemoryStore(memory).count('policy', POLICY_REVISION_TAG)).toBe(3);
  });
});
