/** What `--against` says of the story's cluster and the traffic that was seen there. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { lintData } from '../../src/commands/lint-forms.ts';
import { run } from '../run-command.ts';

const METRICS = 'demo/prometheus/tsdb.om.gz';
const HISTORY = 'demo/policy-history.jsonl';

function file(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'denywhy-against-')), 'policy.yaml');
  writeFileSync(path, text);
  return path;
}

async function lint(text: string, ...args: readonly string[]) {
  const { stdout, exitCode, stderr } = await run(['lint', file(text), '--against', HISTORY, '-o', 'json', ...args]);
  const { findings } = JSON.parse(stdout) as ReturnType<typeof lintData>;
  return { exitCode, stderr, shifts: findings.filter(({ code }) => code === 'access-lost' || code === 'access-gained') };
}

const mtls = (account: string) => `# who calls the backend
apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata:
  name: frontend-mtls
  namespace: production
spec:
  identities:
    - ${account}.production.serviceaccount.identity.linkerd.cluster.local
`;

describe('a change that shuts out who was seen to call', () => {
  it('is an error at the object that does it, with what was seen', async () => {
    const { shifts, exitCode } = await lint(mtls('backend'), '--metrics', METRICS);
    const [error] = shifts.filter(({ severity }) => severity === 'error');
    expect(error).toMatchObject({ code: 'access-lost', object: { kind: 'MeshTLSAuthentication', name: 'frontend-mtls' }, line: 7 });
    expect(error?.problem).toContain('who was seen to call');
    expect(error?.effect).toMatch(/^sa\/frontend to port 8080 of deploy\/backend \(.*\d+ seen\)/);
    expect(exitCode).toBe(1);
  });

  it('is information where nobody looked, and says so', async () => {
    const { shifts, exitCode } = await lint(mtls('backend'));
    expect(shifts.map(({ code, severity }) => `${code} ${severity}`)).toEqual(['access-gained info', 'access-lost info']);
    expect(shifts[1]?.problem).toContain('whether they call was not looked at (--logs, --metrics)');
    expect(exitCode).toBe(0);
  });
});

it('what stands there as it is changes nothing', async () => {
  const { shifts } = await lint(mtls('frontend'), '--metrics', METRICS);
  expect(shifts).toEqual([]);
});

it('logs and metrics without a cluster are refused', async () => {
  const { exitCode, stderr } = await run(['lint', file(mtls('frontend')), '--metrics', METRICS]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('Give --against too.');
});

it('of several objects, the one is named without which they would still get in', async () => {
  const server = `---
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata:
  name: frontend-http
  namespace: production
spec:
  podSelector: { matchLabels: { app: frontend } }
  port: 8080
`;
  const { shifts } = await lint(`${mtls('backend')}${server}`);
  const about = shifts.map(({ code, object, problem }) => `${code} ${object.kind}: ${problem.split(';')[0]}`);
  expect(about).toContainEqual(expect.stringMatching(/^access-lost Server: It shuts out .* from port 8080 of deploy\/frontend/));
  expect(about).toContainEqual(
    expect.stringMatching(/^access-lost MeshTLSAuthentication: It shuts out sa\/frontend from port 8080 of deploy\/backend/),
  );
});
