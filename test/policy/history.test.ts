import { describe, expect, it } from 'vitest';
import { createHistory } from '../../src/policy/history.ts';
import { type Change, type Resource, refOf } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { type Snapshot, withChanges } from '../../src/policy/snapshot.ts';
import { ask, pod, policy, policyIn, SERVER, targetServer } from './cluster.ts';

const POLICY = policy('p', targetServer('backend-http'), []);
const UNREADABLE = policy('p', { kind: 'Deployment', name: 'x' }, []);
const change = (at: number | null, resource: Resource, type: Change['type'] = 'applied'): Change => ({ at, type, resource });

describe('the policy at a moment', () => {
  const history = createHistory(
    [
      change(null, pod()),
      change(null, SERVER),
      change(100, POLICY),
      change(200, UNREADABLE),
      change(300, POLICY, 'deleted'),
      change(300, UNREADABLE),
    ],
    LINKERD_DEFAULTS,
  );
  const verdict = (at: number | null) => ask(policyIn(history.at(at))).verdict;

  it.each<[at: number | null, verdict: string, when: string]>([
    [0, 'deny', 'before the first change'],
    [99, 'deny', 'just before it'],
    [100, 'allow', 'at the very moment'],
    [199, 'allow', 'until the next'],
    [250, 'allow', 'after an edit that cannot be read, by the version before'],
    [300, 'deny', 'after it was deleted and made anew in one moment'],
    [1e15, 'deny', 'ever after'],
    [null, 'deny', 'at the end'],
  ])('%s: %s, %s', (at, expected) => {
    expect(verdict(at)).toBe(expected);
  });

  it('has one moment for changes that came at once', () => {
    expect(history.moments).toEqual([100, 200, 300]);
  });

  it('shares what did not change', () => {
    const objects = (at: number) => history.at(at).namespaces.get('shop');
    expect(objects(100)?.servers).toBe(objects(300)?.servers);
    expect(objects(100)?.authorizationPolicies).not.toBe(objects(300)?.authorizationPolicies);
  });
});

it('without changes is the same at all times', () => {
  const history = createHistory([change(null, pod()), change(null, SERVER, 'deleted')], LINKERD_DEFAULTS);
  expect(history.at(5)).toBe(history.at(null));
  expect(policyIn(history.at(null)).server).toBeNull();
});

describe('a long history', () => {
  const started = [change(null, pod()), change(null, SERVER)];
  /** Every third change of POLICY cannot be read. */
  const turn = (i: number) => (i % 3 === 2 ? change(i, UNREADABLE) : change(i, POLICY, i % 3 === 0 ? 'applied' : 'deleted'));
  const turns = Array.from({ length: 1500 }, (_, i) => turn(i));
  const whole = createHistory([...started, ...turns], LINKERD_DEFAULTS);
  const grown = turns.reduce((history, one) => history.with([one]), createHistory(started, LINKERD_DEFAULTS));
  const eager = [whole.at(-1)];
  for (const { type, resource } of turns)
    eager.push(withChanges(eager.at(-1) as Snapshot, [type === 'applied' ? { apply: resource } : { delete: refOf(resource) }]));

  it('knows each moment, whether it was given at once or as it came, in whatever order it is asked', () => {
    const asked = [...turns.keys()].map((i) => (i * 787) % 1500);
    for (const i of [...asked, ...turns.keys(), ...[...turns.keys()].reverse()]) {
      const expected = policyIn(eager[i + 1] as Snapshot);
      expect(policyIn(whole.at(i)), `${i}`).toEqual(expected);
      expect(policyIn(grown.at(i)), `${i}`).toEqual(expected);
    }
    expect(grown.moments).toEqual(whole.moments);
  });

  it('leaves what it grew from as it was', () => {
    const before = createHistory(started, LINKERD_DEFAULTS);
    const after = before.with([change(5, POLICY)]);
    expect(ask(policyIn(before.at(null))).verdict).toBe('deny');
    expect(ask(policyIn(after.at(null))).verdict).toBe('allow');
    expect(ask(policyIn(after.at(4))).verdict).toBe('deny');
  });
});
