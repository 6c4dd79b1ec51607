import { describe, expect, it } from 'vitest';
import { type Answers, LEARN, learn } from '../../src/alerting/learned.ts';
import { assertPromql } from '../../src/alerting/promql.ts';
import { DEFAULTS, readVersion } from '../../src/alerting/settings.ts';

const VIZ: Answers = {
  version: '2.55.1',
  proxyJobs: ['linkerd-proxy'],
  denywhyJobs: ['denywhy'],
  proxyLabels: ['__name__', 'deployment', 'instance', 'job', 'namespace', 'pod', 'version'],
  counterLabels: ['client_id', 'namespace', 'pod', 'srv_name', 'tls'],
};

it('linkerd-viz is what is assumed anyway', () => {
  expect(learn(VIZ, DEFAULTS)).toEqual({ settings: { ...DEFAULTS, version: { major: 2, minor: 55 } }, notices: [] });
});

describe('what is told', () => {
  it.each<readonly [string, Partial<Answers>, object]>([
    ['the PodMonitor’s job', { proxyJobs: ['linkerd/linkerd-proxy'] }, { scrape: { jobs: ['linkerd/linkerd-proxy'] } }],
    ['several jobs', { proxyJobs: ['a', 'b'] }, { scrape: { jobs: ['a', 'b'] } }],
    [
      'other names of namespace and pod',
      { proxyLabels: ['kubernetes_namespace', 'kubernetes_pod_name'], counterLabels: [] },
      { scrape: { namespace: 'kubernetes_namespace', pod: 'kubernetes_pod_name' } },
    ],
    [
      'labels that Prometheus renamed',
      { counterLabels: ['exported_srv_name', 'exported_version'] },
      { scrape: { exported: ['srv_name'] } },
    ],
    ['a cluster label', { counterLabels: ['cluster'] }, { clusterLabel: 'cluster' }],
    ['denywhy’s own job', { denywhyJobs: ['tools/denywhy'] }, { denywhyJob: 'tools/denywhy' }],
  ])('%s', (_, answers, settings) => {
    expect(learn({ ...VIZ, ...answers }, DEFAULTS)).toMatchObject({ settings });
  });
});

describe('what is not told is said', () => {
  it.each<readonly [string, Partial<Answers>, string]>([
    ['no proxy', { proxyJobs: [] }, 'knows no proxy'],
    ['no denywhy', { denywhyJobs: [] }, 'does not scrape denywhy'],
    ['no label for the pod', { proxyLabels: ['namespace'], counterLabels: [] }, 'no label for the pod'],
    ['no version', { version: '' }, 'does not tell its version'],
  ])('%s', (_, answers, notice) => {
    const { settings, notices } = learn({ ...VIZ, ...answers }, DEFAULTS);
    expect(notices).toEqual([expect.stringContaining(notice)]);
    expect(settings.scrape).toEqual(DEFAULTS.scrape);
  });
});

it('a cluster label that was chosen stays', () => {
  expect(learn({ ...VIZ, counterLabels: ['cluster'] }, { ...DEFAULTS, clusterLabel: 'site' }).settings.clusterLabel).toBe('site');
});

it.each([LEARN.proxies, LEARN.denywhy, ...LEARN.counters])('%s can be asked', (selector) => {
  expect(() => assertPromql(selector)).not.toThrow();
});

it.each([
  ['2.42.0+ds', { major: 2, minor: 42 }],
  ['v3.5.1', { major: 3, minor: 5 }],
  ['3.0.0-rc.1', { major: 3, minor: 0 }],
  ['2.42', { major: 2, minor: 42 }],
  ['', null],
  ['two', null],
  ['2', null],
  ['2.42 or so', null],
])('version %j is %j', (text, version) => {
  expect(readVersion(text)).toEqual(version);
});
