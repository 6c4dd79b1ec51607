import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { run } from '../run-command.ts';

let scratch = '';
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'denywhy-rules-'));
});
afterAll(() => rmSync(scratch, { recursive: true }));

function fileOf(name: string, text: string): string {
  const path = join(scratch, name);
  writeFileSync(path, text);
  return path;
}

const rules = (...args: readonly string[]) => run(['rules', ...args]);

describe('denywhy rules', () => {
  it('prints a PrometheusRule, and nothing else, on stdout', async () => {
    const { exitCode, stdout, stderr } = await rules(
      '--release',
      'kube-prometheus-stack',
      '--label',
      'team=a',
      'role=alert-rules',
      '-n',
      'observe',
      '--name',
      'linkerd',
    );
    expect(exitCode).toBe(0);
    expect(parse(stdout)).toMatchObject({
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: {
        name: 'linkerd',
        namespace: 'observe',
        labels: { 'app.kubernetes.io/name': 'denywhy', team: 'a', role: 'alert-rules', release: 'kube-prometheus-stack' },
      },
    });
    expect(stderr).toBe(
      'denywhy: runbook_url leads to http://localhost:8417, where denywhy serves its runbooks: right on its own machine and behind a port-forward. Name the address at which people reach it as runbookUrl in the tuning file.\n',
    );
  });

  it('prints one plain rule file, or its unit tests', async () => {
    expect(Object.keys(parse((await rules('-o', 'rules')).stdout))).toEqual(['groups']);
    const tests = parse((await rules('-o', 'tests')).stdout);
    expect(tests.rule_files).toEqual(['rules.yaml']);
    expect(tests.tests.length).toBeGreaterThan(60);
  });

  it('writes everything into a directory', async () => {
    const directory = join(scratch, 'pack');
    const { exitCode, stdout } = await rules('--write', directory);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`19 files in ${directory}\n`);
    expect(readdirSync(directory).toSorted()).toEqual([
      'dashboard.json',
      'prometheusrule.yaml',
      'rules.yaml',
      'runbooks',
      'tests',
      'tuning.schema.json',
    ]);
  });

  it.runIf(existsSync('/proc/self'))('says so where a directory cannot be made', async () => {
    const { exitCode, stderr } = await rules('--write', '/proc/denywhy');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('/proc/denywhy: cannot be written (ENOENT).');
  });

  it('takes the tuning file', async () => {
    const tuning = fileOf('tuning.yaml', 'runbookUrl: https://wiki.example/%s\nalerts:\n  DenywhyDown: {enabled: false}\n');
    const { stdout, stderr } = await rules('--tuning', tuning);
    expect(stdout).not.toContain('DenywhyDown');
    expect(stdout).toContain('https://wiki.example/LinkerdRequestsDenied');
    expect(stderr).toBe('');
  });

  it.each([
    ['--scrape podmonitor', 'job="linkerd/linkerd-proxy"'],
    ['--scrape podmonitor --control-plane-namespace mesh', 'job="mesh/linkerd-proxy"'],
    ['--scrape linkerd-viz', 'job="linkerd-proxy"'],
    ['--job a b', 'job=~"a|b"'],
  ])('%s looks at %s', async (options, matcher) => {
    expect((await rules(...options.split(' '))).stdout).toContain(`up{${matcher}}`);
  });

  it('leaves out what an old Prometheus does not know', async () => {
    const { stdout, stderr } = await rules('--prometheus-version', '2.41');
    expect(stdout).not.toContain('keep_firing_for');
    expect(stderr).toContain('keep_firing_for needs Prometheus 2.42: left out.');
  });
});

describe('what is refused', () => {
  it.each([
    [['--label', 'nothing'], '"nothing" is no label'],
    [['--label', 'a=b c'], 'is no label'],
    [['--label', '__proto__=x'], 'is no label'],
    [['--release', 'a: b'], 'is no label'],
    [['--name', 'A_b'], 'is no name of an object'],
    [['-n', 'a.b'], 'is no name of a namespace'],
    [['--prometheus-version', 'latest'], 'is no version'],
    [['--check'], '--check needs a Prometheus to ask'],
    [['--tuning', 'no-such-file'], 'There is no such file'],
    [['--prometheus', 'ftp://x'], 'is no URL'],
    [['-o', 'json'], "argument 'json' is invalid"],
  ])('%j', async (args, message) => {
    const { exitCode, stdout, stderr } = await rules(...args);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
  });

  it.each([
    ['windw: 5m', 'windw'],
    ['window: 5m\n---\nwindow: 6m', 'must be one YAML document'],
    ['window: [', 'This is not YAML'],
  ])('the tuning file %j', async (text, message) => {
    const { exitCode, stderr } = await rules('--tuning', fileOf('bad.yaml', text));
    expect(exitCode).toBe(2);
    expect(stderr).toContain('bad.yaml');
    expect(stderr).toContain(message);
  });
});

const PROMETHEUS = `
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: k8s, namespace: monitoring}
spec:
  version: v2.41.0
  ruleNamespaceSelector: {}
  ruleSelector: {matchLabels: {release: kube-prometheus-stack}}
`;

describe('whether a Prometheus of the operator will load it', () => {
  it('is answered with what is missing', async () => {
    const { exitCode, stdout, stderr } = await rules('--cluster', fileOf('prometheus.yaml', PROMETHEUS));
    expect(exitCode).toBe(0);
    expect(parse(stdout).kind).toBe('PrometheusRule');
    expect(stderr).toContain(
      'Prometheus monitoring/k8s will not load this manifest: its ruleSelector does not match the rule’s labels: add --label release=kube-prometheus-stack.',
    );
    expect(stderr).toContain('No Prometheus of the operator will load this manifest.');
  });

  it('is answered with yes, and its version is heeded', async () => {
    const { stdout, stderr } = await rules('--cluster', fileOf('prometheus.yaml', PROMETHEUS), '--release', 'kube-prometheus-stack');
    expect(stderr).toContain('Prometheus monitoring/k8s will load this manifest.');
    expect(stderr).toContain('keep_firing_for needs Prometheus 2.42');
    expect(stdout).not.toContain('keep_firing_for');
  });

  it('is not known without a Prometheus object', async () => {
    const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: monitoring}\n';
    expect((await rules('--cluster', fileOf('namespace.yaml', namespace))).stderr).toContain('No Prometheus object in --cluster');
  });
});

describe('a Prometheus that does not answer as it should', () => {
  let server: Server | null = null;
  afterEach(() => new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve()))));

  async function urlOf(status: number, text: string): Promise<string> {
    const started = createServer((_, response) => response.writeHead(status).end(text));
    server = started;
    await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
    const address = started.address();
    return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
  }

  it.each([
    ['a login page', 200, '<html>', 'page instead of JSON'],
    ['an error', 200, '{"status":"error","error":"broken"}', 'broken'],
    ['something else than a list', 200, '{"status":"success","data":7}', 'something else than a list'],
    ['no permission', 403, 'no', '403'],
    ['cut off', 200, '{"status":"success","data":[', 'cut off'],
  ])('%s', async (_, status, text, message) => {
    const { exitCode, stdout, stderr } = await rules('--prometheus', await urlOf(status, text));
    expect(stderr).toContain(message);
    expect(exitCode).toBe(3);
    expect(stdout).toBe('');
  });
});
