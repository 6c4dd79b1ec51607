import { describe, expect, it } from 'vitest';
import { stateAt } from '../../src/manifests/history.ts';
import { createHistory } from '../../src/policy/history.ts';
import { type Resource, refOf } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { workloadsByIp } from '../../src/policy/snapshot.ts';
import type { Store } from '../../src/ports.ts';
import { createPolicyRecord, type TimedEdit } from '../../src/triage/policy-record.ts';
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

  const applied = (name: string, port: number): TimedEdit['change'] => ({ apply: object(name, port) });
  const deleted = (name: string): TimedEdit['change'] => ({ delete: refOf(object(name, 0)) });
  const pod = (name: string, ip: string): Resource => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid: name },
    status: { podIP: ip },
  });

  it('takes changes one by one as it takes whole states, and says what is new', async () => {
    const record = createPolicyRecord(createMemoryStore(createMemory()), { policyRevisions: 100, podChanges: 100 });
    const whole = createPolicyRecord(createMemoryStore(createMemory()), { policyRevisions: 100, podChanges: 100 });
    await record.record(STATES[0] ?? [], NOON);
    await whole.record(STATES[0] ?? [], NOON);
    const steps = [[applied('a', 2), applied('c', 1)], [deleted('b'), deleted('b'), applied('a', 2)], [applied('b', 9)]];
    for (const [i, step] of steps.entries()) {
      const at = NOON + i + 1;
      const one = await record.edit(step.map((change) => ({ at, change })));
      const two = await whole.record(STATES[i + 1] ?? [], at);
      expect(one.revision).toBe(two.revision);
      expect(shown(stateAt(one.changes(), null))).toEqual(shown(STATES[i + 1] ?? []));
      expect(one.added).toHaveLength([2, 1, 1][i] ?? 0);
    }
    for (const [i, state] of STATES.entries()) {
      const { changes } = await record.edit([]);
      expect(shown(stateAt(changes(), NOON + i))).toEqual(shown(state));
    }
  });

  it('does not count who wrote an object, nor how often, as a change of it', async () => {
    const record = createPolicyRecord(createMemoryStore(createMemory()), { policyRevisions: 9, podChanges: 9 });
    const written = (manager: string, generation: number): Resource => {
      const { metadata, ...rest } = object('a', 1);
      return { ...rest, metadata: { ...metadata, generation, managedFields: [{ manager, operation: 'Update' }] } };
    };
    const first = await record.record([written('kubectl-edit', 1)], NOON);
    const second = await record.edit([{ at: NOON + 1, change: { apply: written('argocd-controller', 2) } }]);
    expect(second).toMatchObject({ revision: first.revision, added: [], last: NOON });
  });

  it('knows who had an address when, in bounds of its own', async () => {
    const memory = createMemory();
    const bounds = { policyRevisions: 2, podChanges: 40 };
    const record = createPolicyRecord(createMemoryStore(memory), bounds);
    await record.record([object('a', 0)], NOON);
    for (let i = 1; i <= 3; i++) await record.edit([{ at: NOON + i, change: applied('a', i) }]);
    for (let i = 1; i <= 30; i++)
      await record.edit([
        ...(i === 1 ? [] : [{ at: NOON + 10 * i, change: { delete: refOf(pod(`p${i - 1}`, '')) } }]),
        { at: NOON + 10 * i, change: { apply: pod(`p${i}`, '10.42.0.17') } },
      ]);
    const { changes } = await createPolicyRecord(createMemoryStore(memory), bounds).edit([]);
    const history = createHistory(changes(), LINKERD_DEFAULTS);
    const owner = (at: number) => workloadsByIp(history.at(at), '10.42.0.17').map(({ ref }) => ref.name);
    expect([NOON + 5, NOON + 105, NOON + 300, NOON + 999].map(owner)).toEqual([[], ['p10'], ['p30'], ['p30']]);
    // The policy of before all those pods is still known.
    expect(
      stateAt(changes(), NOON + 2)
        .filter(({ kind }) => kind === 'Server')
        .map(({ spec }) => spec),
    ).toEqual([{ port: 2 }]);
  });

  it('lets another process catch up change by change, without reading all of it anew', async () => {
    const memory = createMemory();
    const [mine, others] = [createMemoryStore(memory), createMemoryStore(memory)];
    let listed = 0;
    const counted: Store = {
      ...others,
      list: (...args) => {
        listed += 1;
        return others.list(...args);
      },
    };
    const one = createPolicyRecord(mine, { policyRevisions: 99, podChanges: 99 });
    const two = createPolicyRecord(counted, { policyRevisions: 99, podChanges: 99 });
    await one.record([object('a', 0)], NOON);
    await two.edit([]);
    const before = listed;
    for (let i = 1; i <= 10; i++) {
      const edits = [{ at: NOON + i, change: applied(i % 2 ? 'a' : 'b', i) }];
      const first = await one.edit(edits);
      // It sees the same change, a moment later.
      const second = await two.edit(edits.map((edit) => ({ ...edit, at: edit.at + 0.5 })));
      expect(second.revision).toBe(first.revision);
      expect(second.added).toEqual(first.added);
      expect(second.changes()).toEqual(first.changes());
    }
    expect(listed).toBe(before);
  });

  it('dates what was missed by who wrote it, and keeps what nobody could look for', async () => {
    const record = createPolicyRecord(createMemoryStore(createMemory()), { policyRevisions: 9, podChanges: 9 });
    await record.record([object('a', 1), object('b', 1)], NOON);
    const { changes } = await record.record([object('a', 2)], NOON + 9, {
      stays: ({ metadata }) => metadata.name === 'b',
      since: () => NOON + 4,
    });
    expect(shown(stateAt(changes(), NOON + 3))).toEqual(['a:1', 'b:1']);
    expect(shown(stateAt(changes(), NOON + 4))).toEqual(['a:2', 'b:1']);
  });
});
