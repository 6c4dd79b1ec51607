import { expect, it } from 'vitest';
import { type RetentionAnswers, readDuration, readRetention } from '../../src/evidence/metrics-retention.ts';

const NOTHING: RetentionAnswers = { config: null, runtimeinfo: null, flags: null };
const DAY = 86_400_000;
const runtime = (storageRetention: unknown): Partial<RetentionAnswers> => ({ runtimeinfo: { storageRetention } });
const config = (retention: unknown): Partial<RetentionAnswers> => ({ config: { global: {}, storage: { tsdb: { retention } } } });
const flags = (of: Readonly<Record<string, string>>): Partial<RetentionAnswers> => ({
  flags: Object.fromEntries(Object.entries(of).map(([name, value]) => [`storage.tsdb.${name}`, value])),
});

it.each<readonly [string, Partial<RetentionAnswers>, number | null, string | null]>([
  ['by time', runtime('6h'), DAY / 4, null],
  ['by size alone', runtime('10GiB'), null, '10GiB'],
  ['by both', runtime('15d or 512MB'), 15 * DAY, '512MB'],
  ['a week in another unit', runtime('1w'), 7 * DAY, null],
  ['parts', runtime('1d12h'), 1.5 * DAY, null],
  ['the configuration goes before flags', { ...config({ time: '30d' }), ...runtime('15d') }, 30 * DAY, null],
  ['a configuration by size', { ...config({ size: '50GB' }), ...runtime('15d') }, null, '50GB'],
  ['a configuration without it', { ...config(undefined), ...runtime('15d') }, 15 * DAY, null],
  ['before Prometheus 2.14: flags', flags({ 'retention.time': '2d', retention: '0s', 'retention.size': '0B' }), 2 * DAY, null],
  ['the older flag', flags({ 'retention.time': '0s', retention: '36h' }), 1.5 * DAY, null],
  ['no flag is set', flags({ 'retention.time': '0s', 'retention.size': '0B' }), 15 * DAY, null],
  ['a flag of size alone', flags({ 'retention.time': '0s', 'retention.size': '1GB' }), null, '1GB'],
])('%s', (_, answers, time, size) => {
  expect(readRetention({ ...NOTHING, ...answers })).toEqual({ time, size, source: expect.stringMatching(/^\/api\/v1\/status\//) });
});

it.each<readonly [string, Partial<RetentionAnswers>]>([
  ['nobody tells', {}],
  ['an agent keeps nothing', { ...runtime(''), ...flags({}) }],
  ['something else than text', runtime({ a: 1 })],
  ['hostile text', runtime('15d or <img src=x>; rm -rf'.replace('15d', '9'.repeat(400)))],
  ['lists where objects are meant', { config: [], runtimeinfo: [], flags: [] }],
  ['inherited names', { config: JSON.parse('{"__proto__": {"storage": {"tsdb": {"retention": {"time": "1d"}}}}}') }],
])('%s: not known', (_, answers) => {
  expect(readRetention({ ...NOTHING, ...answers })).toBeNull();
});

it.each([['0s'], ['0d'], [''], ['-1d'], ['1'], ['1d '], ['1x'], [null], [15]])('%j is no duration', (text) => {
  expect(readDuration(text)).toBeNull();
});
