import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { DEFAULTS } from '../../src/alerting/settings.ts';
import { readTuning, tuningSchema } from '../../src/alerting/tuning.ts';
import { InvalidInput } from '../../src/errors.ts';

const read = (value: unknown) => readTuning(value, 'tuning.yaml', DEFAULTS);

it.each([{}, null, undefined])('%j changes nothing', (value) => {
  expect(read(value)).toEqual(DEFAULTS);
});

it('every field is taken', () => {
  const settings = read({
    clusterLabel: 'site',
    window: '10m',
    lookback: '2h',
    keepFiringFor: '0s',
    interval: '30s',
    queryOffset: '1m',
    runbookUrl: 'https://wiki.example/%s',
    ratioFloor: 7,
    denywhyJob: 'tools/denywhy',
    alerts: { DenywhyBlind: { enabled: false }, LinkerdDenialRatioHigh: { threshold: 0.5, for: '1h', severity: 'page' } },
    mutes: [{ namespace: 'security', workloadKind: 'Deployment', workload: 'scanner', reason: 'ours' }],
    overrides: [{ alerts: ['LinkerdAuditHits'], server: 's', route: 'r', threshold: 1, severity: 'info' }],
  });
  expect(settings).toEqual({
    ...DEFAULTS,
    clusterLabel: 'site',
    window: 600,
    lookback: 7200,
    keepFiringFor: 0,
    interval: 30,
    queryOffset: 60,
    runbookUrl: 'https://wiki.example/%s',
    ratioFloor: 7,
    denywhyJob: 'tools/denywhy',
    alerts: new Map([
      ['DenywhyBlind', { enabled: false, threshold: null, severity: null, for: null }],
      ['LinkerdDenialRatioHigh', { enabled: true, threshold: 0.5, severity: 'page', for: 3600 }],
    ]),
    mutes: [{ namespace: 'security', workloadKind: 'Deployment', workload: 'scanner' }],
    overrides: [{ alerts: ['LinkerdAuditHits'], server: 's', route: 'r', threshold: 1, severity: 'info' }],
  });
});

describe('refused, with the place of the fault', () => {
  it.each<readonly [string, unknown, string]>([
    ['a slip in a field', { windw: '5m' }, 'the file: there is no such key: "windw"'],
    [
      'an alert that does not exist',
      { alerts: { LinkerdDenied: {} } },
      'alerts: there is no such key: "LinkerdDenied"; the alerts are LinkerdRequestsDenied, ',
    ],
    ['a threshold that is text', { alerts: { LinkerdAuditHits: { threshold: '3' } } }, 'alerts.LinkerdAuditHits.threshold'],
    ['a negative threshold', { overrides: [{ threshold: -1 }] }, 'overrides.0.threshold'],
    ['a duration without unit', { window: '5' }, 'window: must be a duration'],
    ['a duration of nothing', { window: '0m' }, 'window'],
    ['a label that is none', { clusterLabel: 'a-b' }, 'clusterLabel: must be a label name'],
    ['a mute without a reason', { mutes: [{ namespace: 'x' }] }, 'mutes.0.reason'],
    ['a URL that runs a script', { runbookUrl: 'javascript:alert(1)' }, 'runbookUrl'],
    ['a list', [], 'the file'],
    ['an alert that waits longer than it can be seen', { alerts: { LinkerdRequestsDenied: { for: '5m' } } }, 'never fires'],
    ['a lookback of less than two windows', { lookback: '9m' }, 'less than two windows'],
  ])('%s', (_, value, words) => {
    expect(() => read(value)).toThrow(InvalidInput);
    expect(() => read(value)).toThrow(words);
  });

  it('keys of prototypes are no fields', () => {
    expect(() => read(JSON.parse('{"__proto__": {"window": "5m"}}'))).toThrow(InvalidInput);
    expect(() => read({ alerts: { constructor: {} } })).toThrow(InvalidInput);
  });
});

describe('the published schema', () => {
  it('is a JSON Schema that says what each field means', () => {
    const schema = tuningSchema();
    expect(schema).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object', additionalProperties: false });
    for (const [name, field] of Object.entries((schema as { properties: Record<string, { description?: string }> }).properties))
      if (name !== 'alerts') expect(field.description, name).toMatch(/\w/);
  });

  it('takes what is taken and refuses what is refused', () => {
    const published = z.fromJSONSchema(tuningSchema() as Parameters<typeof z.fromJSONSchema>[0]);
    for (const good of [{}, { window: '5m' }, { alerts: { DenywhyDown: { enabled: false } } }, { mutes: [{ server: 's', reason: 'r' }] }])
      expect(published.safeParse(good).success, JSON.stringify(good)).toBe(true);
    for (const bad of [{ windw: '5m' }, { window: 5 }, { mutes: [{ server: 's' }] }, { alerts: { DenywhyDown: { on: true } } }])
      expect(published.safeParse(bad).success, JSON.stringify(bad)).toBe(false);
  });
});
