import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stateAt } from '../../src/manifests/history.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import type { Change, Resource } from '../../src/policy/resource.ts';
import { parseInstant } from '../../src/policy/time.ts';

const fixture = (name: string) =>
  readManifests(readFileSync(new URL(`../fixtures/manifests/removed-by-edit/${name}`, import.meta.url), 'utf8'), name);
const at = (clock: string) => parseInstant(`2026-11-23T${clock}Z`);
const versions = (resources: readonly Resource[]) => resources.map(({ kind, metadata }) => `${kind} ${metadata.resourceVersion}`).sort();

describe('the state of a recorded history', () => {
  const { changes, isHistory } = mergeManifests([fixture('policy-history.jsonl')]);

  test.each([
    ['before the recording', '09:00:00', ['AuthorizationPolicy 14502', 'MeshTLSAuthentication 14501', 'Server 14500']],
    ['a millisecond before an edit', '09:35:03.795', ['AuthorizationPolicy 14502', 'MeshTLSAuthentication 14501', 'Server 14500']],
    ['at an edit', '09:35:03.796', ['AuthorizationPolicy 14508', 'MeshTLSAuthentication 14501', 'Server 14500']],
    ['after a deletion', '09:35:05.325', ['MeshTLSAuthentication 14501', 'Server 14500']],
  ])('%s', (_name, clock, expected) => {
    expect(isHistory).toBe(true);
    expect(versions(stateAt(changes, at(clock)))).toEqual(expected);
  });

  test('without a time it is that of the end', () => {
    expect(versions(stateAt(changes, null))).toEqual(['MeshTLSAuthentication 14501', 'Server 14500']);
  });

  test('at any time it is what replaying the events until then gives', () => {
    const change = fc.record({
      at: fc.integer({ min: 0, max: 20 }),
      type: fc.constantFrom('applied' as const, 'deleted' as const),
      name: fc.constantFrom('a', 'b', 'c'),
    });
    fc.assert(
      fc.property(fc.array(change), fc.integer({ min: -1, max: 21 }), (raw, moment) => {
        const all = raw
          .sort((a, b) => a.at - b.at)
          .map(
            ({ name, ...rest }, i): Change => ({
              ...rest,
              resource: { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'x', resourceVersion: String(i) } },
            }),
          );
        const replayed: Record<string, Resource> = {};
        for (const { at: when, type, resource } of all) {
          if (when !== null && when > moment) continue;
          if (type === 'deleted') delete replayed[resource.metadata.name];
          else replayed[resource.metadata.name] = resource;
        }
        expect(versions(stateAt(all, moment))).toEqual(versions(Object.values(replayed)));
      }),
    );
  });
});

describe('a history and dumps beside it', () => {
  test('the history counts for the objects that it knows', () => {
    const { changes, notices } = mergeManifests([fixture('policy.yaml'), fixture('policy-history.jsonl'), fixture('fix.yaml')]);
    expect(versions(stateAt(changes, null))).toEqual(['MeshTLSAuthentication 14501', 'Server 14500']);
    expect(notices.map(({ origin, message }) => [origin.file, message])).toEqual([
      ['policy.yaml', 'Server shop/backend-http is in the recorded history too, which counts. (and 3 more like it)'],
    ]);
  });

  test('others were there from the start, or since they were created', () => {
    const pod = (name: string, created: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: shop, creationTimestamp: "2026-11-23T${created}Z"}\n`;
    const dump = readManifests(`${pod('old', '08:00:00')}---\n${pod('new', '09:35:04')}`, 'pods.yaml');
    const { changes } = mergeManifests([dump, fixture('policy-history.jsonl')]);
    const pods = (clock: string) =>
      stateAt(changes, at(clock))
        .filter(({ kind }) => kind === 'Pod')
        .map(({ metadata }) => metadata.name);
    expect([pods('09:35:03'), pods('09:35:04')]).toEqual([['old'], ['old', 'new']]);
  });

  test('without times there is no history: creation times are of no account, and the last event counts', () => {
    const event = (type: string, name: string, spec: number) =>
      JSON.stringify({
        type,
        object: { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop', creationTimestamp: '2026-11-23T09:35:04Z' }, spec },
      });
    const watch = readManifests(
      [event('ADDED', 'a', 1), event('ADDED', 'b', 1), event('MODIFIED', 'a', 2), event('DELETED', 'b', 1)].join('\n'),
      'watch.jsonl',
    );
    const { changes, isHistory, notices } = mergeManifests([watch]);
    expect(isHistory).toBe(false);
    expect(stateAt(changes, 0).map(({ metadata, spec }) => [metadata.name, spec])).toEqual([['a', 2]]);
    expect(notices.map(({ message }) => message)).toEqual(['These watch events carry no times: only what is left at their end counts.']);
  });

  test('several recordings are one, in order of time', () => {
    const events = readFileSync(new URL('../fixtures/manifests/removed-by-edit/policy-history.jsonl', import.meta.url), 'utf8')
      .trim()
      .split('\n');
    const halves = [events.filter((_, i) => i % 2 === 1), events.filter((_, i) => i % 2 === 0)].map((half, i) =>
      readManifests(half.join('\n'), `${i}.jsonl`),
    );
    const times = mergeManifests(halves).changes.map((change) => change.at);
    expect(times).toEqual([null, null, null, at('09:35:03.796'), at('09:35:05.325')]);
  });
});

describe('the same object twice', () => {
  const policy = (version: string, port: string) =>
    `apiVersion: policy.linkerd.io/${version}\nkind: Server\nmetadata: {name: a, namespace: shop}\nspec: {port: ${port}}\n`;
  const merge = (...contents: string[]) => mergeManifests(contents.map((content, i) => readManifests(content, `${i}.yaml`)));

  test('the later counts when they differ, in whatever version of the group', () => {
    const { changes, notices } = merge(policy('v1beta1', 'http'), `# later\n${policy('v1beta3', 'grpc')}`);
    expect(changes.map(({ resource }) => resource.spec)).toEqual([{ port: 'grpc' }]);
    expect(notices).toEqual([
      {
        origin: { file: '1.yaml', line: 2, column: 1 },
        message: 'Server shop/a stands here and, different, in 0.yaml:1:1: this one, read later, counts.',
      },
    ]);
  });

  test('the notice says when they are the same but for what the API server adds', () => {
    const stored = policy('v1beta3', 'http').replace('namespace: shop', 'namespace: shop, uid: "7", resourceVersion: "9"');
    expect(merge(policy('v1beta3', 'http'), stored).notices.map(({ message }) => message)).toEqual([
      'Server shop/a stands here and in 0.yaml:1:1, the same.',
    ]);
  });

  test('within one file too', () => {
    expect(merge(`${policy('v1beta3', 'http')}---\n${policy('v1beta3', 'grpc')}`).notices.map(({ message }) => message)).toEqual([
      'Server shop/a stands here and, different, in 0.yaml:1:1: this one, read later, counts.',
    ]);
  });

  test('kinds of the same name in different groups are different objects', () => {
    const route = (group: string) => `apiVersion: ${group}\nkind: HTTPRoute\nmetadata: {name: a, namespace: shop}\n`;
    expect(merge(route('policy.linkerd.io/v1beta3'), route('gateway.networking.k8s.io/v1'))).toMatchObject({
      changes: { length: 2 },
      notices: [],
    });
  });
});

test('kinds that nothing reads are told once, in one line', () => {
  const widgets = ['Widget', 'Gadget', 'Widget'].map((kind, i) =>
    readManifests(`apiVersion: example.com/v1\nkind: ${kind}\nmetadata: {name: a${i}, namespace: b}\n`, `${i}.yaml`),
  );
  expect(mergeManifests(widgets).notices.map(({ message }) => message)).toEqual([
    'Nothing here reads these kinds: 1 Gadget (example.com/v1), 2 Widget (example.com/v1).',
  ]);
});
