/** The rules as Prometheus' own tool sees them: the committed pack, and packs that are tuned. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { allTests, packFiles } from '../../src/alerting/files.ts';
import { rulePack } from '../../src/alerting/pack.ts';
import { DEFAULTS, podMonitor, type Settings } from '../../src/alerting/settings.ts';
import { readTuning } from '../../src/alerting/tuning.ts';
import { prometheusSkip, promtool } from '../prometheus.ts';

const RULES = join(import.meta.dirname, '../../rules');
const METADATA = { name: 'denywhy', namespace: 'monitoring', labels: { 'app.kubernetes.io/name': 'denywhy' } };

let scratch = '';
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'denywhy-promtool-'));
});
afterAll(() => rmSync(scratch, { recursive: true }));

function place(name: string, files: Readonly<Record<string, string>>): string {
  const directory = join(scratch, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  return directory;
}

describe('rules/', () => {
  const generated = packFiles(DEFAULTS, METADATA);

  it('is what is generated now: npm run -s denywhy -- rules --write rules', () => {
    const committed = readdirSync(RULES, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const texts = committed.map(({ parentPath, name }): [string, string] => {
      const path = join(parentPath, name);
      return [path.slice(RULES.length + 1), readFileSync(path, 'utf8')];
    });
    expect(new Map(texts.toSorted())).toEqual(new Map([...generated].toSorted()));
  });

  it('the manifest holds the very groups of the plain rules', () => {
    const manifest = parse(readFileSync(join(RULES, 'prometheusrule.yaml'), 'utf8'));
    expect(manifest).toMatchObject({ apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', metadata: METADATA });
    expect(manifest.spec).toEqual(parse(readFileSync(join(RULES, 'rules.yaml'), 'utf8')));
  });
});

describe.skipIf(prometheusSkip !== null)(`promtool ${prometheusSkip === null ? '' : `(${prometheusSkip})`}`, () => {
  it('finds no fault in the committed rules', () => {
    const { status, output } = promtool(RULES, 'check', 'rules', 'rules.yaml', '--lint-fatal');
    expect(output).toContain('SUCCESS');
    expect(status, output).toBe(0);
  });

  it.each(['tests/first-denial.yaml', 'tests/alerts.yaml'])('passes %s', { timeout: 240_000 }, (file) => {
    const { status, output } = promtool(RULES, 'test', 'rules', file);
    expect(status, output).toBe(0);
  });

  const tuned = (tuning: object) => readTuning(tuning, 'tuning.yaml', DEFAULTS);
  const packs: readonly (readonly [name: string, settings: Settings, only: RegExp])[] = [
    [
      'thresholds, waits, mutes, overrides, a cluster label and a window of ninety seconds',
      tuned({
        clusterLabel: 'cluster',
        window: '90s',
        lookback: '10m',
        keepFiringFor: '0s',
        ratioFloor: 5,
        alerts: {
          LinkerdRequestsDenied: { threshold: 10.5, severity: 'page' },
          LinkerdConnectionsDenied: { for: '36s' },
          DenywhyDown: { enabled: false },
        },
        mutes: [
          { namespace: 'security', reason: 'the scanner' },
          { alerts: ['LinkerdAuditHits'], reason: 'known' },
        ],
        overrides: [
          { namespace: 'denywhy-test', alerts: ['LinkerdRouteNotFound'], severity: 'critical', threshold: 2 },
          { server: '"hostile\\', workload: '{{ x }}', route: '\n' },
        ],
      }),
      /./,
    ],
    [
      'Prometheus 2.41, two jobs and labels of other names',
      {
        ...DEFAULTS,
        clusterLabel: 'k8s_cluster',
        scrape: {
          jobs: [...podMonitor('linkerd').jobs, 'o"ther.proxies'],
          namespace: 'kubernetes_namespace',
          pod: 'kubernetes_pod_name',
          exported: ['sni'],
        },
        version: { major: 2, minor: 41 },
      },
      // What differs is how series are found and named.
      /^inbound_http_authz_deny_total|^LinkerdRequestsDenied|^LinkerdDenialsInvisible/,
    ],
  ];

  it.each(packs)('passes the tests that come with %s', { timeout: 240_000 }, (name, settings, only) => {
    const tests = parse(allTests(settings));
    const directory = place(name, {
      'rules.yaml': packFiles(settings, METADATA).get('rules.yaml') ?? '',
      'tests.yaml': stringify({ ...tests, tests: tests.tests.filter((test: { name: string }) => only.test(test.name)) }),
    });
    const checked = promtool(directory, 'check', 'rules', 'rules.yaml', '--lint-fatal');
    expect(checked.status, checked.output).toBe(0);
    const { status, output } = promtool(directory, 'test', 'rules', 'tests.yaml');
    expect(status, output).toBe(0);
  });

  /** The first-denial tests of one counter, on its rule with another expression in place of the guarded one. */
  function failuresWith(expression: string): readonly string[] {
    const rules = { groups: rulePack(DEFAULTS).groups.map((group) => ({ ...group, rules: group.rules.map((rule) => ({ ...rule })) })) };
    const [recording] = rules.groups[0]?.rules ?? [];
    if (recording === undefined) throw new Error('nothing is recorded');
    const steps = recording.expr.slice(recording.expr.indexOf(', "workload_kind"'));
    const head = recording.expr.slice(0, recording.expr.indexOf('\n    (\n'));
    Object.assign(recording, { expr: `${head}\n${expression}\n${steps}` });
    const tests = parse(packFiles(DEFAULTS, METADATA).get('tests/first-denial.yaml') ?? '');
    const own = tests.tests.filter(({ name }: { name: string }) => name.startsWith('inbound_http_authz_deny_total: '));
    const directory = place('altered', {
      'rules.yaml': stringify(rules),
      'tests.yaml': stringify({ ...tests, rule_files: ['rules.yaml'], tests: own }),
    });
    const { output } = promtool(directory, 'test', 'rules', 'tests.yaml');
    return [...new Set([...output.matchAll(/name: inbound_http_authz_deny_total: (.*?),\s*$/gm)].map(([, name]) => name ?? ''))];
  }

  it('fails them with increase(), which sees no birth', { timeout: 120_000 }, () => {
    const failures = failuresWith('increase(inbound_http_authz_deny_total[5m]) > 0');
    expect(failures).toContain('a series is born at its first denial, and stays');
    expect(failures).toContain('a rollout: the old pod goes, the first denial of the new one is seen');
    expect(failures).toContain('a target is down, and a new client is denied meanwhile');
  });

  it('fails them with an offset that no guard stands before', { timeout: 120_000 }, () => {
    const m = 'inbound_http_authz_deny_total';
    const failures = failuresWith(`((${m} unless ${m} offset 5m) or increase(${m}[5m])) > 0`);
    expect(failures).toContain('a target is down for longer than a window, and its counter stands where it stood');
    expect(failures).toContain('Prometheus is down for longer than a window, and the counter stands where it stood');
    expect(failures).not.toContain('a series is born at its first denial, and stays');
  });
});
