import { describe, expect, it } from 'vitest';
import { ruleStates } from '../../src/alerting/loaded.ts';
import { series } from '../../src/alerting/promql.ts';
import type { RuleGroup } from '../../src/alerting/rule.ts';
import { Unavailable } from '../../src/errors.ts';

const GROUPS: readonly RuleGroup[] = [
  {
    name: 'g',
    rules: [
      { record: 'a:b:c', expr: series('m') },
      {
        alert: 'A',
        expr: series('m'),
        for: '5m',
        keep_firing_for: '10m',
        labels: { severity: 'warning', incident_kind: 'none' },
        annotations: {},
      },
    ],
  },
];
const AT = '2026-11-23T09:28:25.203Z';
const RECORD = { type: 'recording', name: 'a:b:c', health: 'ok', lastEvaluation: AT };
const ALERT = {
  type: 'alerting',
  name: 'A',
  health: 'ok',
  lastEvaluation: AT,
  duration: 300,
  keepFiringFor: 600,
  labels: { incident_kind: 'none', severity: 'warning' },
};
const answer = (...rules: readonly object[]) => ({ groups: [{ name: 'g', file: '/etc/x.yaml', rules }] });
const statesOf = (data: unknown) => ruleStates(GROUPS, data).map(({ rule, state }) => `${rule} ${state}`);

it('rules that are loaded, healthy and evaluated are ok', () => {
  expect(ruleStates(GROUPS, answer(RECORD, ALERT))).toEqual([
    { group: 'g', rule: 'a:b:c', state: 'ok', detail: '', lastEvaluation: AT },
    { group: 'g', rule: 'A', state: 'ok', detail: '', lastEvaluation: AT },
  ]);
});

describe('a rule is not ok', () => {
  it.each<readonly [string, object, string]>([
    ['that failed', { health: 'err', lastError: 'many-to-many matching not allowed' }, 'failing'],
    ['with another wait', { duration: 0 }, 'other'],
    ['that does not stay', { keepFiringFor: 0 }, 'other'],
    ['with another severity', { labels: { severity: 'page', incident_kind: 'none' } }, 'other'],
    ['that was never evaluated', { health: 'unknown', lastEvaluation: '0001-01-01T00:00:00Z' }, 'not evaluated'],
  ])('%s', (_, difference, state) => {
    expect(statesOf(answer(RECORD, { ...ALERT, ...difference }))).toEqual(['a:b:c ok', `A ${state}`]);
  });

  it('that is missing, in this group or altogether', () => {
    expect(statesOf(answer(RECORD))).toEqual(['a:b:c ok', 'A missing']);
    expect(statesOf({ groups: [{ name: 'other', rules: [RECORD, ALERT] }] })).toEqual(['a:b:c missing', 'A missing']);
  });

  it('that is there twice, as when two manifests hold it', () => {
    expect(statesOf(answer(RECORD, ALERT, ALERT))).toEqual(['a:b:c ok', 'A other']);
  });
});

it('Prometheus’ own words are given', () => {
  const [, alert] = ruleStates(GROUPS, answer(RECORD, { ...ALERT, health: 'err', lastError: 'x'.repeat(9999) }));
  expect(alert?.detail).toBe('x'.repeat(500));
});

it.each([null, 'text', {}, { groups: [{}] }, { groups: [{ name: 'g', rules: [{ name: 7 }] }] }])('%j is no list of rules', (data) => {
  expect(() => ruleStates(GROUPS, data)).toThrow(Unavailable);
});
