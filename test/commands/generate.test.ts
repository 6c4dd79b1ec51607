import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { stateAt } from '../../src/manifests/history.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import { admit } from '../../src/policy/admission.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { run } from '../run-command.ts';

const HISTORY = 'demo/policy-history.jsonl';
const METRICS = 'demo/prometheus/tsdb.om.gz';

const directory = mkdtempSync(join(tmpdir(), 'denywhy-generate-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, objects: readonly unknown[]): string {
  const path = join(directory, name);
  writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  return path;
}

/** The story's cluster as if nobody had ever written a policy for it: everything is open. */
const objects = stateAt(mergeManifests([readManifests(readFileSync(HISTORY, 'utf8'), HISTORY)]).changes, null);
const DENY = 'config.linkerd.io/default-inbound-policy';
const OPEN = file(
  'open.json',
  objects
    .filter(({ apiVersion, kind }) => !apiVersion.startsWith('policy.linkerd.io') && kind !== 'NetworkPolicy')
    .map(({ origin: _origin, ...object }) => {
      const { [DENY]: _deny, ...annotations } = object.metadata.annotations ?? {};
      return { ...object, metadata: { ...object.metadata, annotations } };
    }),
);

interface Step {
  readonly title: string;
  readonly objects: readonly Resource[];
  readonly denied: readonly { readonly client: string; readonly kind: string }[];
  readonly allowed: readonly unknown[];
}

async function stepsOf(...args: readonly string[]): Promise<readonly Step[]> {
  return JSON.parse((await run(['generate', ...args, '-o', 'json'])).stdout).steps;
}

/** Of each object the last version. */
function ending(steps: readonly Step[]): readonly Resource[] {
  return [...new Map(steps.flatMap((step) => step.objects).map((object) => [`${object.kind}/${object.metadata.name}`, object])).values()];
}

describe('the story’s namespace', () => {
  it('as it is: what is still open is closed, in steps', async () => {
    const { exitCode, stdout } = await run(['generate', '-n', 'production', '--cluster', HISTORY, '--metrics', METRICS]);
    expect(exitCode).toBe(0);
    await expect(stdout).toMatchFileSnapshot('golden/generate-story.txt');
  });

  it('without any policy: Servers, grants for what was seen, and default deny at the end', async () => {
    const { stdout } = await run(['generate', '-n', 'production', '--cluster', OPEN, '--metrics', METRICS]);
    await expect(stdout).toMatchFileSnapshot('golden/generate-open.txt');
  });

  it('the story replayed against the end of the plan: only those are refused whom the plan lists', async () => {
    const steps = await stepsOf('-n', 'production', '--cluster', OPEN, '--metrics', METRICS);
    const change = file('ending.json', ending(steps));
    const { stdout } = await run(['simulate', '--cluster', OPEN, '--metrics', METRICS, '--change', change, '--traffic', 'observed']);
    await expect(stdout.replaceAll(`${directory}/`, '')).toMatchFileSnapshot('golden/generate-replay.txt');
  });
});

describe('every step', () => {
  it('is admitted by Linkerd, lets nobody newly in, and denies no probe, no scrape and nobody who is not listed', async () => {
    const args = ['-n', 'production', '--cluster', OPEN, '--metrics', METRICS];
    const { steps, notGranted } = JSON.parse((await run(['generate', ...args, '-o', 'json'])).stdout);
    expect(steps.length).toBeGreaterThan(5);
    for (const step of steps as readonly Step[]) {
      for (const object of step.objects)
        if (object.kind !== 'Namespace')
          expect(admit({ ...object, metadata: { ...object.metadata } }), object.metadata.name).toMatchObject({ admitted: true });
      expect(step.allowed, step.title).toEqual([]);
      expect(
        step.denied.filter(({ kind }) => kind !== 'observed'),
        step.title,
      ).toEqual([]);
      expect(step.denied.length === 0 || notGranted.length > 0).toBe(true);
    }
  });

  it('alone, as YAML to apply', async () => {
    const args = ['generate', '-n', 'production', 'deploy/backend', '--cluster', OPEN, '--metrics', METRICS];
    const { exitCode, stdout } = await run([...args, '--step', '1']);
    expect(exitCode).toBe(0);
    const kinds = parseAllDocuments(stdout).map((document) => document.toJS().kind);
    expect(kinds).toContain('Server');
    expect(kinds).toContain('MeshTLSAuthentication');
    expect(await run([...args, '--step', '99'])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('there is no step 99') });
  });
});

it('where nothing is open there is nothing to do', async () => {
  const steps = await stepsOf('-n', 'production', '--cluster', HISTORY, '--metrics', METRICS);
  const closed = [
    ...new Map([...objects, ...ending(steps)].map((o) => [`${o.kind}/${o.metadata.namespace}/${o.metadata.name}`, o])).values(),
  ].map((o) => (o.kind === 'Pod' ? { ...o, metadata: { ...o.metadata, annotations: { ...o.metadata.annotations, [DENY]: 'deny' } } } : o));
  expect(await run(['generate', '-n', 'production', '--cluster', file('closed.json', closed)])).toMatchObject({ exitCode: 1 });
});

it.each([
  [['--cluster', HISTORY], 'which namespace?'],
  [['-n', 'nowhere', '--cluster', HISTORY], 'nothing is in namespace nowhere'],
  [['-n', 'production', 'deploy/nobody', '--cluster', HISTORY], 'there are no pods of deploy/nobody'],
])('%j: exit 2', async (args, message) => {
  expect(await run(['generate', ...args])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) });
});

describe('where an access log tells methods and paths', () => {
  const [FRONTEND, ADMIN, DEFAULT] = ['frontend', 'admin-panel', 'default'].map(
    (account) => `${account}.production.serviceaccount.identity.linkerd.cluster.local`,
  ) as [string, string, string];
  /** As a proxy with `config.linkerd.io/access-log: json` writes it; the story's proxies wrote none. */
  const log = (pod: string, requests: readonly (readonly [times: number, ip: string, id: string, method: string, uri: string])[]) => {
    const path = join(directory, `${pod}.linkerd-proxy.log`);
    const lines = requests.flatMap(([times, ip, id, method, uri]) =>
      Array.from({ length: times }, (_, i) =>
        JSON.stringify({
          ...{ 'client.addr': `${ip}:${41000 + i}`, 'client.id': id, host: 'backend.production.svc.cluster.local:8080', method },
          ...{ processing_ns: '29000', request_bytes: '', response_bytes: '17', status: 200 },
          ...{ timestamp: `2026-11-23T09:30:${String(i % 60).padStart(2, '0')}.000000000Z`, total_ns: '139000', trace_id: '' },
          ...{ uri, user_agent: 'x', version: 'HTTP/1.1' },
        }),
      ),
    );
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  };
  const LOG = log('backend-756f7c997f-2588f', [
    [9, '10.42.0.14', FRONTEND, 'GET', '/api/v1/orders?page=1'],
    [2, '10.42.0.14', FRONTEND, 'GET', '/api/v1/orders/1017'],
    [1, '10.42.0.14', FRONTEND, 'GET', '/api/v1/orders/1018/items'],
    [3, '10.42.0.14', FRONTEND, 'POST', '/api/v1/orders'],
    [2, '10.42.0.14', FRONTEND, 'GET', '/api/v1/stock'],
    [2, '10.42.0.22', ADMIN, 'GET', '/api/v1/stock'],
    [4, '10.42.0.22', ADMIN, 'POST', '/admin/export'],
    [1, '10.42.0.22', ADMIN, 'DELETE', '/admin/orders'],
    [2, '10.42.0.22', ADMIN, 'GET', '/admin//%2e%2e/x'],
    [2, '10.42.0.22', ADMIN, 'GET', '/health'],
    [8, '10.42.0.23', DEFAULT, 'GET', '/api/v1/orders'],
    [5, '192.168.77.10', '-', 'GET', '/health'],
    [2, '10.42.0.99', '-', 'GET', '/.env'],
  ]);
  const args = ['-n', 'production', 'deploy/backend', '--cluster', OPEN, '--logs', LOG];

  it('routes for what was seen, for the probes and for the rest, and a policy for each', async () => {
    const { exitCode, stdout } = await run(['generate', ...args]);
    expect(exitCode).toBe(0);
    await expect(stdout).toMatchFileSnapshot('golden/generate-routes.txt');
  });

  it('nobody is refused who is not listed, no probe is, and nobody newly gets in', async () => {
    const { steps, notGranted } = JSON.parse((await run(['generate', ...args, '-o', 'json'])).stdout);
    for (const step of steps as readonly Step[]) {
      for (const object of step.objects) expect(admit(object), object.metadata.name).toMatchObject({ admitted: true });
      expect(step.allowed, step.title).toEqual([]);
      expect(step.denied.every(({ kind }) => kind === 'observed')).toBe(true);
    }
    expect(notGranted.map(({ request, why }: { request: string; why: string }) => [request, why])).toContainEqual([
      'DELETE /admin/orders',
      'seen once',
    ]);
    const change = file('routes-ending.json', ending(steps));
    const { stdout } = await run([
      'simulate',
      '--cluster',
      OPEN,
      '--logs',
      LOG,
      '-n',
      'production',
      '--change',
      change,
      '--traffic',
      'observed',
    ]);
    await expect(stdout.replaceAll(`${directory}/`, '')).toMatchFileSnapshot('golden/generate-routes-replay.txt');
  });

  it('counters that count more than the log tells: the whole port', async () => {
    const { stdout } = await run(['generate', ...args, '--metrics', METRICS]);
    expect(stdout).not.toContain('kind: HTTPRoute');
    expect(stdout.replace(/\s+/g, ' ')).toContain('not for routes, on deploy/backend:8080: some methods and paths were not seen.');
  });
});
