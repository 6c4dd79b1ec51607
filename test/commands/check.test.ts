import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/drivers/sqlite.ts';
import { createSqliteStore } from '../../src/drivers/store-sqlite.ts';
import { type FakePrometheus, startFakePrometheus } from '../fake-prometheus.ts';
import { run } from '../run-command.ts';

const HISTORY = 'demo/policy-history.jsonl';
const FIXTURES = join(import.meta.dirname, '..', 'fixtures');
const directory = mkdtempSync(join(tmpdir(), 'denywhy-check-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('from a dump', () => {
  it('what needs a live source is a question, with what to do', async () => {
    const { exitCode, stdout, stderr } = await run(['check', '--cluster', HISTORY]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    await expect(stdout).toMatchFileSnapshot('golden/check-dump.txt');
  });

  it('json holds each line with an id that stays', async () => {
    const { stdout } = await run(['check', '--cluster', HISTORY, '-o', 'json']);
    const { form, lines } = JSON.parse(stdout);
    expect(form).toBe('denywhy.check/1');
    expect(lines.map(({ id, mark }: { id: string; mark: string }) => `${id} ${mark}`)).toEqual([
      'control-plane unknown',
      'settings unknown',
      'crds unknown',
      'policy-objects ok',
      'proxies unknown',
      'network-policy unknown',
      'log-level ok',
      'log-format ok',
      'scrapes unknown',
      'rules-loaded unknown',
      'rights unknown',
      'store unknown',
    ]);
  });

  it('something that is wrong ends with 1', async () => {
    const file = join(directory, 'bad.yaml');
    writeFileSync(
      file,
      `
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: "cart", namespace: shop}
spec: {targetRef: {kind: "Deploy\\u001bment", name: cart}, requiredAuthenticationRefs: []}
`,
    );
    const { exitCode, stdout } = await run(['check', '--cluster', file]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('✗ 1 object of 1 cannot be read by the policy controller');
    expect(stdout).toContain('Deploy\\u001bment');
    expect(stdout).not.toContain('\u001b');
  });

  it.each([
    [['--cluster', 'nowhere.yaml'], 'There is no such file'],
    [['--context', 'x', '--cluster', HISTORY], '--context is about a live cluster'],
    [['extra', '--cluster', HISTORY], 'too many arguments'],
  ])('%j ends with 2', async (args, words) => {
    const { exitCode, stderr } = await run(['check', ...args]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(words);
  });
});

describe('with a Prometheus', () => {
  let prometheus: FakePrometheus;
  beforeEach(async () => {
    prometheus = await startFakePrometheus(Date.parse('2026-11-23T09:30:00Z'));
  });
  afterEach(() => prometheus.close());

  /** The pods that the captured targets are about. */
  function podsOf(targets: { activeTargets: { labels: Record<string, string> }[] }) {
    return targets.activeTargets.map(({ labels }) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: labels['pod'], namespace: labels['namespace'], labels: { 'linkerd.io/control-plane-ns': 'linkerd' } },
      spec: { containers: [] },
    }));
  }

  it('proxies that refuse a captured Prometheus are counted and named', async () => {
    const { data } = JSON.parse(readFileSync(join(FIXTURES, 'prometheus', 'targets-denied.json'), 'utf8'));
    prometheus.targets = data;
    const file = join(directory, 'pods.json');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: podsOf(data) }));
    const { exitCode, stdout } = await run(['check', '--cluster', file, '--prometheus', prometheus.url]);
    expect(exitCode).toBe(1);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      '✗ Prometheus gets 403 from 3 proxies (production/backend-5dc8f96f9d-kz7jj, production/database-75bf78f768-w9zwc, production/backend-5dc8f96f9d-bwxxh): every rule is blind there denywhy policy -n production po/backend-5dc8f96f9d-kz7jj:4191',
    );
  });

  it('one that does not know rules is a question, not a fault', async () => {
    const { stdout } = await run(['check', '--cluster', HISTORY, '--prometheus', prometheus.url]);
    expect(stdout).toMatch(/^\? alert rules: /m);
  });

  it('one that is gone is a question too, and the others are answered', async () => {
    const { exitCode, stdout } = await run(['check', '--cluster', HISTORY, '--prometheus', 'http://127.0.0.1:1']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^\? scrape targets: /m);
    expect(stdout).toContain('✓ 16 policy objects');
  });
});

/** Another process: locks belong to processes. */
const HOLD = `
  const db = new (require('node:sqlite').DatabaseSync)(process.argv[1]);
  db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE t (x)');
  console.log('held');
  process.stdin.resume().on('end', () => process.exit());
`;

describe('the service’s store', () => {
  const config = (text: string) => {
    const file = join(directory, 'denywhy.yaml');
    writeFileSync(file, text);
    return run(['check', '--cluster', HISTORY, '--config', file]);
  };

  it('one that is not there yet is not made by looking', async () => {
    const { stdout } = await config(`store: {directory: "${join(directory, 'none')}"}`);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('none/denywhy.db: not there yet; denywhy serve makes it.');
    expect(() => readFileSync(join(directory, 'none', 'denywhy.db'))).toThrow();
  });

  it('one that is there says what survives', async () => {
    const store = createSqliteStore(openSqlite(join(directory, 'denywhy.db')), () => 0);
    const durability = store.durability();
    await store.close();
    const { stdout } = await config(`store: {directory: "${directory}"}`);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(`✓ store ${directory}/denywhy.db: ${durability}`);
  });

  it('one that a running denywhy holds is no fault', async () => {
    const path = join(directory, 'denywhy.db');
    const child = spawn(process.execPath, ['-e', HOLD, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const { stdout, exitCode } = await config(`store: {directory: "${directory}"}`);
    child.stdin.end();
    await once(child, 'exit');
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(`✓ store ${path}: held by another process`);
    expect(exitCode).toBe(0);
  });

  it('a Redis that is not there is ✗, and the exit code 1', async () => {
    const { exitCode, stdout } = await config('store: {driver: redis}\nredis: {url: "redis://127.0.0.1:1"}');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^✗ store in Redis: /m);
  });
});
