/** `policy` and `check` against a real API server that holds the story, with an administrator's rights and with few. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ruleManifest } from '../../src/alerting/manifest.ts';
import { rulePack } from '../../src/alerting/pack.ts';
import { DEFAULTS } from '../../src/alerting/settings.ts';
import { main } from '../../src/main.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { linkerdCrdsSkip } from '../cluster/crds.ts';
import { clusterSkip } from '../cluster/skip.ts';
import { fillCluster, playChanges } from '../cluster/story.ts';
import { readStory } from '../cluster/story-events.ts';

const skip = clusterSkip ?? linkerdCrdsSkip;
const PATIENCE = 240_000;
const STORY = join(import.meta.dirname, '..', '..', 'demo', 'policy-history.jsonl');
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const GOLDEN = join(import.meta.dirname, 'golden');

let cluster: Cluster;

async function run(args: readonly string[], kubeconfig: string) {
  const written = { stdout: '', stderr: '' };
  const sink = (to: keyof typeof written) =>
    new Writable({
      write(chunk: Buffer, _, done) {
        written[to] += chunk.toString();
        done();
      },
    });
  const exitCode = await main(args, {
    stdin: Readable.from([]),
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    env: { KUBECONFIG: kubeconfig },
    now: Date.parse('2026-11-23T09:40:00Z'),
    isTTY: { stdin: false, stdout: false, stderr: false },
    columns: 80,
  });
  return { exitCode, ...written, words: written.stdout.replaceAll(/\s+/g, ' ') };
}

describe.skipIf(skip !== null)(`policy and check, live${skip === null ? '' : ` [${skip}]`}`, () => {
  beforeAll(async () => {
    cluster = await startCluster();
    const events = readStory(STORY);
    await fillCluster(cluster, events);
    await playChanges(cluster, events, { speed: null });
    const { api } = cluster;
    await api.create('/apis/apps/v1/namespaces/kube-system/daemonsets', {
      metadata: { name: 'calico-node' },
      spec: {
        selector: { matchLabels: { app: 'calico' } },
        template: { metadata: { labels: { app: 'calico' } }, spec: { containers: [{ name: 'calico-node', image: 'calico/node:v3' }] } },
      },
    });
    for (const name of ['monitoring', 'linkerd-viz']) await cluster.kubectl(['create', 'namespace', name]);
    await cluster.kubectl(['create', 'serviceaccount', '-n', 'linkerd-viz', 'prometheus']);
    await cluster.kubectl(
      ['apply', '-f', '-'],
      ruleManifest(rulePack(DEFAULTS).groups, { name: 'denywhy', namespace: 'monitoring', labels: {} }),
    );
    const monitoring = '/apis/monitoring.coreos.com/v1/namespaces/monitoring';
    await api.create(`${monitoring}/prometheuses`, {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'Prometheus',
      metadata: { name: 'k8s' },
      spec: { replicas: 0, ruleSelector: { matchLabels: { release: 'kps' } }, ruleNamespaceSelector: {} },
    });
    await api.create(`${monitoring}/alertmanagers`, {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'Alertmanager',
      metadata: { name: 'main' },
      spec: { replicas: 0, alertmanagerConfigMatcherStrategy: { type: 'None' } },
    });
  }, PATIENCE);
  afterAll(() => cluster.stop());

  it('policy of a live workload is the policy of the recorded one', async () => {
    const { exitCode, stdout, stderr } = await run(['policy', '-n', 'production', 'deploy/backend'], cluster.kubeconfig.admin);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    // The recording holds no Deployment: here its template tells whose the annotation is.
    const recorded = readFileSync(join(GOLDEN, 'policy-backend.txt'), 'utf8').split('default for other ports')[0] ?? '';
    // Routes stand in the order of their age, which is a matter of seconds here. More stands there where the operator has made a StatefulSet of its
    // Prometheus by now.
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(recorded.trimEnd().split('\n')));
    expect(stdout).toContain('default for other ports: deny');
  });

  it('without -n it is the namespace of the context; -A is every one', async () => {
    const empty = await run(['policy'], cluster.kubeconfig.admin);
    expect(empty).toMatchObject({ exitCode: 2 });
    expect(empty.stderr).toContain('no pods and no workloads in namespace default');
    const all = await run(['policy', '-A'], cluster.kubeconfig.admin);
    expect(all.exitCode).toBe(0);
    expect(all.stdout).toMatch(/^production +deploy\/database +sql \(5432\) +opaque +Server database-sql +sa\/backend$/m);
  });

  it('can, simulate and generate ask it too, and write nothing', async () => {
    const { admin } = cluster.kubeconfig;
    const ask = ['can', 'sa/frontend', '-n', 'production', 'reach', 'deploy/backend:8080', '--path', '/api/v1/orders', '-o', 'json'];
    const [reason] = JSON.parse((await run(ask, admin)).stdout).reasons;
    expect(reason.linkerd).toMatchObject({ verdict: 'allow', object: { name: 'backend-api-authz' } });
    const deleted = ['simulate', '-n', 'production', '--delete', 'authzpolicy/backend-api-authz', '--traffic', 'all', '-o', 'json'];
    const simulated = await run(deleted, admin);
    expect(simulated.exitCode).toBe(1);
    expect(JSON.parse(simulated.stdout).entries).toContainEqual(
      expect.objectContaining({ outcome: 'newly-denied', client: 'sa/frontend', servers: ['deploy/backend'] }),
    );
    const step = await run(['generate', '-n', 'production', '--step', '1'], admin);
    expect(step.exitCode).toBe(0);
    // What it writes is what the API server takes.
    expect(await cluster.kubectl(['apply', '--dry-run=server', '-f', '-'], step.stdout)).toContain('created (server dry run)');
    expect((await run(ask, admin)).stdout).toContain('backend-api-authz');
  }, 120_000);

  it('posture asks it too: there, templates and network plugin are known', async () => {
    const { exitCode, stdout } = await run(['posture', '-n', 'production', '-o', 'json'], cluster.kubeconfig.admin);
    expect(exitCode).toBe(1);
    const [{ practices }] = JSON.parse(stdout).namespaces;
    const of = (id: string) => practices.find((practice: { id: string }) => practice.id === id);
    expect(of('labels-consistent').state).toBe('holds');
    expect(of('network-layered').judgements).toContainEqual(
      expect.objectContaining({ workload: 'deploy/backend', state: 'holds', lacking: [] }),
    );
    expect(of('default-deny').judgements).toContainEqual(
      expect.objectContaining({
        workload: 'deploy/backend',
        state: 'holds',
        evidence: [expect.objectContaining({ source: 'Deployment production/backend' })],
      }),
    );
    const all = await run(['posture', '-A'], cluster.kubeconfig.admin);
    expect(all.stdout).toMatch(/^production +[✓~✗?-] /m);
  }, 120_000);

  it('a namespace is asked with the rights for that namespace alone, and what was not read is said', async () => {
    const reader = { namespace: 'production', name: 'reader' };
    const kubeconfig = await cluster.kubeconfigFor(reader);
    await cluster.api.create(`${RBAC}/namespaces/production/rolebindings`, {
      metadata: { name: 'reader' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', ...reader }],
    });
    const { exitCode, stdout, stderr } = await run(['policy', '-n', 'production', 'deploy/database'], kubeconfig);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('sql (5432)  opaque  Server database-sql');
    expect(stderr).toMatch(/^denywhy: pods: Only those of namespace production may be read/m);
    const asked = await run(['posture', '-n', 'production', '-o', 'json'], kubeconfig);
    const practices: readonly { id: string; judgements: readonly { lacking: readonly string[] }[] }[] = JSON.parse(asked.stdout)
      .namespaces[0].practices;
    const lackingOf = (id: string) => practices.find((one) => one.id === id)?.judgements[0]?.lacking;
    expect(lackingOf('probes-and-scrapes')).toContainEqual(
      expect.stringMatching(/^who scrapes from there: pods of other namespaces were not read/),
    );
    expect(lackingOf('default-deny')).toContainEqual(expect.stringMatching(/: namespaces were not read/));
    expect(lackingOf('ports-covered')).toEqual([]);
    const check = await run(['check', '-n', 'production'], kubeconfig);
    expect(check.exitCode).toBe(1);
    expect(check.words).toMatch(/✗ may not list [a-z, .]*configmaps?.* in namespace production|✓ may read all/);
  });

  it('check: kinds, settings, network plugin, rules that nobody selects, Alertmanager, rights', async () => {
    const { exitCode, stdout, stderr, words } = await run(['check'], cluster.kubeconfig.admin);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    for (const line of [
      /✗ no control plane: neither Deployment linkerd-destination/,
      /✓ \d+ kinds of Linkerd are served \(Server v1beta3\)/,
      /✓ 16 policy objects, all of them readable/,
      /✓ NetworkPolicy is enforced by Calico \(DaemonSet kube-system\/calico-node\); there are 5 objects/,
      /✓ 7 proxies log denials/,
      /✗ PrometheusRule monitoring\/denywhy is selected by no Prometheus Prometheus monitoring\/k8s: /,
      /✓ Alertmanager monitoring\/main: an AlertmanagerConfig gets the alerts of every namespace/,
      /✓ may read all \d+ kinds that decide, in every namespace/,
      /✓ may get pods\/log: /,
      /✓ may create pods\/portforward: /,
    ])
      expect(words).toMatch(line);
    await expect(stdout.replace(/https:\/\/127\.0\.0\.1:\d+/, 'https://127.0.0.1:6443')).toMatchFileSnapshot('golden/check-live.txt');
  });

  it('check by somebody without rights names them, and nothing else', async () => {
    const kubeconfig = await cluster.kubeconfigFor({ namespace: 'production', name: 'nobody' });
    const { exitCode, words, stderr } = await run(['check'], kubeconfig);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    expect(words).toMatch(
      /^The API server at \S+ \(context denywhy-test\) rights ✗ may not list namespaces, .* and \d+ more in every namespace/,
    );
    expect(words).not.toContain('policy objects');
  });

  it('check by a viewer: rights that are missing are ✗, and say what is lost', async () => {
    const { words } = await run(['check'], cluster.kubeconfig.viewer);
    expect(words).toContain('✗ may not create pods/portforward in every namespace: no counters of proxies');
  });

  it('check asked what it may do, and wrote nothing', async () => {
    const before = existsSync(cluster.auditLog) ? readFileSync(cluster.auditLog, 'utf8').length : 0;
    await run(['check'], await cluster.kubeconfigFor({ namespace: 'production', name: 'looker' }));
    const later = readFileSync(cluster.auditLog, 'utf8').slice(before).trimEnd().split('\n');
    const own = later.map((line) => JSON.parse(line)).filter(({ user }) => user.username === 'system:serviceaccount:production:looker');
    const writes = own.filter(
      ({ verb, objectRef }) => !['get', 'list'].includes(verb) && objectRef?.resource !== 'selfsubjectaccessreviews',
    );
    expect(own.length).toBeGreaterThan(20);
    expect(writes).toEqual([]);
  });

  it('--compare beside a live cluster', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'denywhy-policy-live-'));
    const file = join(directory, 'enforced.json');
    writeFileSync(file, JSON.stringify({ protocol: { Kind: { Opaque: {} } }, labels: { group: '', kind: 'default', name: 'deny' } }));
    const { exitCode, words } = await run(
      ['policy', '-n', 'production', 'deploy/database:5432', '--compare', file],
      cluster.kubeconfig.admin,
    );
    expect(exitCode).toBe(1);
    expect(words).toContain('Server declared: Server database-sql enforced: default deny');
    expect(words).toContain('Server production/database-sql is declared and not in force');
    rmSync(directory, { recursive: true });
  });

  it.each(['policy', 'check'])('%s: an API server that does not answer ends with 3', async (command) => {
    const gone = join(cluster.directory, 'gone.yaml');
    writeFileSync(gone, readFileSync(cluster.kubeconfig.admin, 'utf8').replace(/(server: "?https:\/\/127\.0\.0\.1):\d+/, '$1:1'));
    const { exitCode, stderr } = await run([command], gone);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('is not reachable');
  });
});
