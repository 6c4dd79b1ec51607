import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Resource } from '../../src/policy/resource.ts';
import { ACCOUNT, NETWORK, network, pod, policy, route, SERVER, targetServer } from '../policy/cluster.ts';
import { run } from '../run-command.ts';

const HISTORY = 'demo/policy-history.jsonl';
const METRICS = 'demo/prometheus/tsdb.om.gz';

const directory = mkdtempSync(join(tmpdir(), 'denywhy-simulate-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, objects: readonly unknown[]): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n'));
  return path;
}

const TYPO = {
  apiVersion: 'policy.linkerd.io/v1alpha1',
  kind: 'MeshTLSAuthentication',
  metadata: { name: 'frontend-mtls', namespace: 'production' },
  spec: { identities: ['frontend.prod.serviceaccount.identity.linkerd.cluster.local'] },
};
const NOBODY_HEALTHY = {
  apiVersion: 'policy.linkerd.io/v1alpha1',
  kind: 'NetworkAuthentication',
  metadata: { name: 'kubelet', namespace: 'production' },
  spec: { networks: [{ cidr: '10.0.0.0/24' }] },
};
const inside = (...args: readonly string[]) => run(['simulate', '--cluster', HISTORY, ...args]);
/** The golden files name no directory of this machine. */
const shown = (text: string) => text.replaceAll(/\s*\(\s*\/[^)]*\/([\w.-]+:\d+:\d+)\)/g, ' ($1)');

describe('the recorded cluster', () => {
  it('the typo of the story, against what was counted', async () => {
    const { exitCode, stdout } = await inside('--metrics', METRICS, '--change', file('typo.yaml', [TYPO]));
    expect(exitCode).toBe(1);
    await expect(shown(stdout)).toMatchFileSnapshot('golden/simulate-typo.txt');
  });

  it('probes that a narrower network would refuse; who gets in instead', async () => {
    const { exitCode, stdout } = await inside('--change', file('kubelet.yaml', [NOBODY_HEALTHY]));
    expect(exitCode).toBe(1);
    await expect(shown(stdout)).toMatchFileSnapshot('golden/simulate-probes.txt');
  });

  it('at the time of the typo its repair denies nobody who was seen and lets the frontend in', async () => {
    const repair = { ...TYPO, spec: { identities: ['frontend.production.serviceaccount.identity.linkerd.cluster.local'] } };
    const { exitCode, stdout } = await inside(
      '--at',
      '09:28:00',
      '--metrics',
      METRICS,
      '--change',
      file('repair.yaml', [repair]),
      '-o',
      'json',
    );
    const { entries, counts } = JSON.parse(stdout);
    expect({ exitCode, denied: counts['newly-denied'] }).toEqual({ exitCode: 0, denied: 0 });
    const allowed = entries.filter((entry: { outcome: string }) => entry.outcome === 'newly-allowed');
    expect(allowed.map((entry: { client: string; servers: string[] }) => [entry.client, entry.servers])).toContainEqual([
      'sa/frontend',
      ['deploy/backend'],
    ]);
  });

  it('the same objects once more change nothing', async () => {
    const same = { ...TYPO, spec: { identities: ['frontend.production.serviceaccount.identity.linkerd.cluster.local'] } };
    const { exitCode, stdout } = await inside('--metrics', METRICS, '--change', file('same.yaml', [same]), '-o', 'json');
    const { entries, counts } = JSON.parse(stdout);
    expect({ exitCode, entries, undecided: counts.undecided }).toEqual({ exitCode: 0, entries: [], undecided: 0 });
  });

  it('a NetworkPolicy that opens 4143 to the frontend', async () => {
    const opened = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'frontend-to-proxies', namespace: 'production' },
      spec: { podSelector: { matchLabels: { app: 'frontend' } }, policyTypes: ['Egress'], egress: [{ ports: [{ port: 4143 }] }] },
    };
    const { stdout } = await inside('--metrics', METRICS, '--change', file('netpol.yaml', [opened]), '-o', 'json');
    const { entries } = JSON.parse(stdout);
    expect(
      entries.map(({ outcome, client, servers, isNetwork }: Record<string, unknown>) => ({ outcome, client, servers, isNetwork })),
    ).toContainEqual({
      outcome: 'newly-allowed',
      client: 'sa/frontend',
      servers: ['deploy/backend'],
      isNetwork: true,
    });
  });
});

const FRONTEND: Resource = {
  ...pod({ name: 'frontend', labels: { app: 'frontend' } }, { serviceAccountName: 'frontend', containers: [] }),
  status: { podIP: '10.42.0.13' },
};
const BACKEND: Resource = { ...pod(), status: { podIP: '10.42.0.10' } };
const POLICY = policy('orders-frontend', targetServer('backend-http'), [ACCOUNT('frontend')]);
const SHOP = [BACKEND, FRONTEND, SERVER, POLICY];
const outcomes = async (args: readonly string[]) => {
  const { exitCode, stdout, stderr } = await run(['simulate', ...args, '-o', 'json']);
  const entries = stdout === '' ? [] : JSON.parse(stdout).entries;
  const of = (outcome: string) =>
    [...new Set(entries.filter((e: { outcome: string }) => e.outcome === outcome).map((e: { client: string }) => e.client))].sort();
  return { exitCode, stderr, denied: of('newly-denied'), allowed: of('newly-allowed'), undecided: of('undecided') };
};

describe('between two folders', () => {
  const old = file('old/all.yaml', SHOP);

  it('a policy that is gone, with --prune', async () => {
    const next = file('gone/all.yaml', [BACKEND, FRONTEND, SERVER]);
    expect(await outcomes(['--cluster', dirname(old), '--change', dirname(next), '--prune'])).toMatchObject({
      exitCode: 1,
      denied: ['sa/frontend'],
      allowed: [],
    });
    expect(await outcomes(['--cluster', dirname(old), '--change', dirname(next)])).toMatchObject({ exitCode: 0, denied: [] });
  });

  it('--delete names one object', async () => {
    expect(await outcomes(['--cluster', old, '-n', 'shop', '--delete', 'authzpolicy/orders-frontend'])).toMatchObject({
      exitCode: 1,
      denied: ['sa/frontend'],
    });
    const { exitCode, stderr } = await run(['simulate', '--cluster', old, '-n', 'shop', '--delete', 'authzpolicy/nope']);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('there is no authzpolicy/nope in namespace shop'),
    });
  });

  it('a first route takes the rest of the Server away', async () => {
    const first = route('orders', { rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/orders' } }] }] });
    const { stdout } = await run(['simulate', '--cluster', old, '--change', file('first.yaml', [first]), '-o', 'json']);
    const { entries } = JSON.parse(stdout);
    const entry = entries.find((one: { client: string }) => one.client === 'sa/frontend');
    expect(entry).toMatchObject({ outcome: 'newly-denied', kind: 'possible', servers: ['po/backend'] });
    // Linkerd's own route for the probes ends with the first route of a Server.
    expect(entries).toContainEqual(expect.objectContaining({ outcome: 'newly-denied', kind: 'probe', client: 'a node' }));
    expect(entry.requests).toContain('GET any other path');
  });

  it('a new Server is younger than one that stands', async () => {
    const rival = { ...SERVER, metadata: { ...SERVER.metadata, name: 'a-rival' } };
    expect(await outcomes(['--cluster', old, '--change', file('rival.yaml', [rival])])).toMatchObject({
      exitCode: 0,
      denied: [],
      allowed: [],
    });
  });

  it('a template stands for its pods, and is rolled out', async () => {
    const deployment = (account: string, annotations = {}) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'shop' },
      spec: {
        selector: { matchLabels: { app: 'backend' } },
        template: {
          metadata: { labels: { app: 'backend' }, annotations: { 'linkerd.io/inject': 'enabled', ...annotations } },
          spec: { serviceAccountName: account, containers: [{ name: 'web', ports: [{ name: 'http', containerPort: 8080 }] }] },
        },
      },
    });
    const before = file('template.yaml', [deployment('web')]);
    const closed = file('closed.yaml', [deployment('web', { 'config.linkerd.io/default-inbound-policy': 'deny' })]);
    const { exitCode, denied } = await outcomes(['--cluster', before, '--change', closed]);
    expect(exitCode).toBe(1);
    expect(denied).toContain('anyone from any other address');
  });

  it('an object that Linkerd would refuse is left out, named, and exit 2', async () => {
    const bad = { ...POLICY, spec: { ...(POLICY.spec as object), requiredAuthenticationRefs: [{ group: '', kind: 'Secret', name: 'x' }] } };
    const { exitCode, stdout } = await run(['simulate', '--cluster', old, '--change', file('bad.yaml', [bad])]);
    expect(exitCode).toBe(2);
    expect(stdout).toContain('refused             AuthorizationPolicy shop/orders-frontend');
  });

  const spec = (kind: string, fields: object) => ({
    ...{ apiVersion: 'policy.linkerd.io/v1alpha1', kind, metadata: { name: 'x', namespace: 'shop' } },
    spec: fields,
  });
  it.each([
    [spec('MeshTLSAuthentication', {}), 'spec: must have exactly one of identities, identityRefs'],
    [spec('MeshTLSAuthentication', { identities: [] }), 'spec.identities: must have at least 1 item'],
    [spec('NetworkAuthentication', {}), 'spec.networks: required'],
    [spec('NetworkAuthentication', { networks: [] }), 'at least one network must be specified'],
    [spec('AuthorizationPolicy', { targetRef: { kind: 'Namespace', name: 'shop' } }), 'spec.requiredAuthenticationRefs: required'],
    [spec('AuthorizationPolicy', { targetRef: { kind: 'Namespace', name: 'shop' }, requiredAuthenticationRefs: [] }), null],
  ])('%j is refused as the CRD and the webhook do: %s', async (object, message) => {
    const { stdout } = await run(['simulate', '--cluster', old, '--change', file('bare.yaml', [object]), '-o', 'json']);
    expect(JSON.parse(stdout).refused.map((one: { message: string }) => one.message)).toEqual(message === null ? [] : [message]);
  });
});

describe('what nobody saw', () => {
  it('an unreadable log is refused, with its place', async () => {
    const path = join(directory, 'nonsense.log');
    writeFileSync(path, 'hello\n');
    const { exitCode, stderr } = await run([
      'simulate',
      '--cluster',
      file('x.yaml', SHOP),
      '--change',
      file('y.yaml', SHOP),
      '--logs',
      path,
    ]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('nonsense.log:1') });
  });

  it('an account without pods, where an address is asked for', async () => {
    const office = policy('orders-frontend', targetServer('backend-http'), [NETWORK('office'), ACCOUNT('frontend')]);
    const { denied, allowed } = await outcomes([
      '--cluster',
      file('o.yaml', SHOP),
      '--change',
      file('office.yaml', [office, network('office', [{ cidr: '10.99.0.0/16' }])]),
    ]);
    expect({ denied, allowed }).toEqual({ denied: ['sa/frontend'], allowed: [] });
  });
});

describe('Markdown for a pull request', () => {
  it('is a table of what changes', async () => {
    const { exitCode, stdout } = await inside('--metrics', METRICS, '--change', file('typo.yaml', [TYPO]), '-o', 'md');
    expect(exitCode).toBe(1);
    await expect(shown(stdout).replaceAll(/&#40;\/[^&]*\/(typo)/g, '&#40;$1')).toMatchFileSnapshot('golden/simulate-typo.md');
  });

  it('no name from outside becomes markup', async () => {
    const evil = 'x"><img src=x onerror=alert(1)> | **b** [l](http://evil.example) @everyone `c` \u001b[31m\u202e';
    const hostile = {
      ...TYPO,
      metadata: { name: 'orders', namespace: 'shop' },
      spec: { identities: [evil] },
    };
    const uses = policy('orders-frontend', targetServer('backend-http'), [
      { group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', name: 'orders' },
    ]);
    const { stdout } = await run([
      'simulate',
      '--cluster',
      file('h.yaml', SHOP),
      '--change',
      file('hostile.yaml', [hostile, uses]),
      '-o',
      'md',
    ]);
    expect(stdout).toContain('newly denied');
    const outside = stdout.replaceAll(/<\/?(?:code|sub)>/g, '');
    expect(outside).not.toMatch(/[<>`@[\]]|\p{Cf}|(?!\n)\p{Cc}/u);
    for (const line of stdout.split('\n').filter((one) => one.startsWith('| <'))) expect(line.split('|').length).toBe(7);
  });
});

describe('the command line', () => {
  it.each([
    [[], 'nothing would change'],
    [['--prune', '--delete', 'srv/x'], '--prune is about what --change does not hold'],
    [['--change', '-', '--logs', '-'], 'stdin cannot be read twice'],
    [['--delete', 'secret/x'], 'names no object of policy'],
  ])('%j', async (args, message) => {
    const { exitCode, stderr } = await inside(...args);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) });
  });
});
