import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stateAt } from '../../src/manifests/history.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { CART, CILIUM, DENY as DENY_ANNOTATION, network, pod, server } from '../posture/shop.ts';
import { run } from '../run-command.ts';

const HISTORY = 'demo/policy-history.jsonl';
const METRICS = 'demo/prometheus/tsdb.om.gz';
const STORY = ['-n', 'production', '--metrics', METRICS, '--default-inbound-policy', 'all-unauthenticated'];
const DENY = 'config.linkerd.io/default-inbound-policy';

const directory = mkdtempSync(join(tmpdir(), 'denywhy-posture-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, items: readonly unknown[]): string {
  const path = join(directory, name);
  writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  return path;
}

/** The story's cluster after every step of the plan, its pods made anew. */
async function afterPlan(): Promise<string> {
  const { stdout } = await run(['generate', ...STORY, '--cluster', HISTORY, '-o', 'json']);
  const steps: readonly { readonly objects: readonly Resource[] }[] = JSON.parse(stdout).steps;
  const objects = stateAt(mergeManifests([readManifests(readFileSync(HISTORY, 'utf8'), HISTORY)]).changes, null);
  const key = ({ kind, metadata }: Resource) => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
  const all = new Map([...objects, ...steps.flatMap((step) => step.objects)].map((object) => [key(object), object]));
  const items = [...all.values()].map(({ origin: _, ...object }) =>
    object.kind === 'Pod' && object.metadata.namespace === 'production'
      ? { ...object, metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [DENY]: 'deny' } } }
      : object,
  );
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

function statesOf(stdout: string): Readonly<Record<string, string>> {
  const [{ practices }] = JSON.parse(stdout).namespaces;
  return Object.fromEntries(practices.map(({ id, state }: { id: string; state: string }) => [id, state]));
}

describe('the story’s namespace', () => {
  it('as it is', async () => {
    const { exitCode, stdout, stderr } = await run(['posture', ...STORY, '--cluster', HISTORY]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    await expect(stdout).toMatchFileSnapshot('golden/posture-story.txt');
  });

  it('as Markdown', async () => {
    const { stdout } = await run(['posture', ...STORY, '--cluster', HISTORY, '-o', 'md']);
    await expect(stdout).toMatchFileSnapshot('golden/posture-story.md');
  });

  it('after its plan: default deny holds, each port has a Server, nobody lost a probe, and nothing is left to do', async () => {
    const stdin = await afterPlan();
    const { stdout } = await run(['posture', ...STORY, '--cluster', '-'], { stdin });
    await expect(stdout).toMatchFileSnapshot('golden/posture-after.txt');
    const was = statesOf((await run(['posture', ...STORY, '--cluster', HISTORY, '-o', 'json'])).stdout);
    const now = statesOf((await run(['posture', ...STORY, '--cluster', '-', '-o', 'json'], { stdin })).stdout);
    expect(was).toMatchObject({ 'default-deny': 'partly', 'ports-covered': 'partly', 'audit-ended': 'holds' });
    expect(now).toMatchObject({ 'default-deny': 'holds', 'ports-covered': 'holds', 'audit-ended': 'holds' });
  });

  it('half-way, after the audit step: what enforcing would do is said, and how sure that is', async () => {
    const { stdout } = await run(['generate', ...STORY, '--cluster', HISTORY, '-o', 'json']);
    const { steps } = JSON.parse(stdout);
    const audited = file(
      'audit.json',
      [...steps[0].objects, ...steps[1].objects].filter(
        (_, i, all) => all.findLastIndex((o) => o.metadata.name === all[i].metadata.name && o.kind === all[i].kind) === i,
      ),
    );
    const found = JSON.parse((await run(['posture', ...STORY, '--cluster', HISTORY, audited, '-o', 'json'])).stdout);
    const { judgements } = found.namespaces[0].practices.find(({ id }: { id: string }) => id === 'audit-ended');
    expect(judgements).toContainEqual(
      expect.objectContaining({
        workload: 'deploy/admin-panel',
        state: 'partly',
        found: '8080 (http) in audit mode: nobody is known whom enforcing would refuse',
        lacking: [expect.stringMatching(/^(?:traffic of|a week of traffic)/)],
      }),
    );
  });
});

it('every namespace at a glance', async () => {
  const { exitCode, stdout } = await run(['posture', '--cluster', HISTORY]);
  expect(exitCode).toBe(1);
  await expect(stdout).toMatchFileSnapshot('golden/posture-all.txt');
});

it('a cluster where all is done ends with 0, with what is not meshed named apart', async () => {
  const DONE = ', annotations: {kubernetes.io/description: web may call, owner: ann}';
  const system = CART.replaceAll('shop', 'kube-system')
    .replace(', linkerd.io/control-plane-ns: linkerd', '')
    .replace('linkerd-proxy', 'sidecar');
  const open = network('ingress: [{ports: [{port: 8080}, {port: 4143}, {port: 4191}]}]').replace(
    'namespace: shop}',
    `namespace: shop${DONE}}`,
  );
  const servers = server('http', 'port: http', DONE) + server('admin', 'port: 4191', DONE);
  const stdin = pod('cart', { annotations: DENY_ANNOTATION }) + servers + open + CILIUM + system;
  const { exitCode, stdout, stderr } = await run(['posture', '-A', '--cluster', '-'], { stdin });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  await expect(stdout).toMatchFileSnapshot('golden/posture-done.txt');
});

it('of a namespace that is not meshed it says so, and judges nothing', async () => {
  const { exitCode, stdout } = await run(['posture', '-n', 'security', '--cluster', HISTORY]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('security: not meshed\nLinkerd enforces nothing here: neither the namespace nor the pod has');
  const markdown = (await run(['posture', '-n', 'security', '--cluster', HISTORY, '-o', 'md'])).stdout;
  expect(markdown).toContain('Linkerd enforces nothing here');
});

it.each([
  [['-n', 'nowhere', '--cluster', HISTORY], 2, 'no pods are in namespace nowhere'],
  [['-o', 'yaml', '--cluster', HISTORY], 2, '-o yaml is for one change.'],
  [['-n', 'production', '--cluster', HISTORY, '--remedy', '1'], 2, 'there is no remedy 1.'],
  [['-n', 'production', '--cluster', HISTORY, '--remedy', '0'], 2, '--remedy "0" is no number.'],
  [['-n', 'production', '--cluster', HISTORY, '--remedy', '1', '-o', 'md'], 2, '-o md is for the whole answer.'],
  [['-A', '--cluster', HISTORY, '--remedy', '1'], 2, '--remedy is for one namespace'],
  [['-n', 'production', '--cluster', HISTORY, '--metrics', 'no-such-file'], 2, 'no-such-file'],
  [['-n', 'production', '--cluster', HISTORY, '--prometheus', 'http://127.0.0.1:9'], 1, ''],
])('%j: exit %i', async (args, exitCode, message) => {
  expect(await run(['posture', ...args])).toMatchObject({ exitCode, stderr: expect.stringContaining(message) });
});

it('a grant that nobody uses is taken away by the change that the next step names', async () => {
  const grant = (name: string, ref: string) => ({
    apiVersion: 'policy.linkerd.io/v1alpha1',
    kind: 'AuthorizationPolicy',
    metadata: { name, namespace: 'production' },
    spec: {
      targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: 'backend-http' },
      requiredAuthenticationRefs: [{ kind: 'ServiceAccount', name: ref }],
    },
  });
  const cluster = ['--cluster', HISTORY, file('unused.json', [grant('database-too', 'database')])];
  const { stdout } = await run(['posture', ...STORY, ...cluster]);
  expect(stdout).toContain('        denywhy posture -n production --remedy 1\n');
  const told = await Promise.all(
    ['text', 'yaml', 'diff'].map(async (form) => (await run(['posture', ...STORY, ...cluster, '--remedy', '1', '-o', form])).stdout),
  );
  await expect(told.join('\n')).toMatchFileSnapshot('golden/posture-remedy.txt');
});

it('hostile names and labels stay text in every form', async () => {
  const evil = '\u001b[31m<img src=x>|`$(reboot)`\n';
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `p${evil}`, namespace: 'shop', labels: { app: evil, 'linkerd.io/control-plane-ns': 'linkerd' } },
    spec: {
      serviceAccountName: evil,
      containers: [{ name: evil, ports: [{ name: evil, containerPort: 8080 }] }, { name: 'linkerd-proxy' }],
    },
  };
  const server = {
    apiVersion: 'policy.linkerd.io/v1beta3',
    kind: 'Server',
    metadata: { name: evil, namespace: 'shop' },
    spec: { podSelector: { matchLabels: { app: evil } }, port: 8080, accessPolicy: 'all-unauthenticated' },
  };
  const cluster = file('evil.json', [pod, server]);
  const text = (await run(['posture', '-n', 'shop', '--cluster', cluster])).stdout;
  expect(text).toContain('\\u001b[31m');
  expect(text).not.toContain('\u001b');
  const markdown = (await run(['posture', '-n', 'shop', '--cluster', cluster, '-o', 'md'])).stdout;
  for (const bad of ['\u001b', '<img', '`']) expect(markdown).not.toContain(bad);
  // Commands that are shown may be pasted: a name is one quoted word.
  const { namespaces } = JSON.parse((await run(['posture', '-n', 'shop', '--cluster', cluster, '-o', 'json'])).stdout);
  const commands: readonly string[] = namespaces[0].practices
    .flatMap(({ judgements }: { judgements: readonly { next: { command: string | null } | null }[] }) => judgements)
    .flatMap(({ next }: { next: { command: string | null } | null }) => next?.command ?? []);
  const unquoted = commands.map((command) => command.replaceAll(/'[^']*'/g, ''));
  expect(unquoted.filter((command) => ['$', '`', '<', '\n', '\u001b'].some((bad) => command.includes(bad)))).toEqual([]);
  expect(commands.length).toBeGreaterThan(2);
});
