/** The hook and the workflow of docs/lint.md do what the page says. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/lint.md'), 'utf8');
const HOOK = /^```sh\n(#!\/bin\/sh\n[\s\S]*?)^```$/m.exec(PAGE)?.[1] ?? '';
const WORKFLOW = /^```yaml\n(jobs:\n[\s\S]*?)^```$/m.exec(PAGE)?.[1] ?? '';

const POLICY = `apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: { name: own, namespace: shop }
spec:
  targetRef: { kind: Namespace, name: shop }
  requiredAuthenticationRefs: [{ kind: ServiceAccount, name: frontend }]
`;

/** A repository with one policy, and denywhy on its PATH. */
function repository(policy: string) {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-ci-'));
  const bin = join(directory, 'bin');
  for (const path of [bin, join(directory, 'policies')]) mkdirSync(path);
  symlinkSync(join(ROOT, 'bin', 'denywhy.js'), join(bin, 'denywhy'));
  writeFileSync(join(directory, 'policies', 'shop.yaml'), policy);
  const { npm_lifecycle_event: _event, INIT_CWD: _directory, ...env } = process.env;
  const path = [bin, dirname(process.execPath), env['PATH'] ?? ''].join(delimiter);
  const named = {
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@b',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b',
    GIT_CONFIG_GLOBAL: '/dev/null',
  };
  return (command: string, args: readonly string[]) =>
    spawnSync(command, args, { cwd: directory, encoding: 'utf8', env: { ...env, ...named, PATH: path } });
}

it.each([
  ['lets a good policy in', POLICY, 0],
  ['stops a bad one, and says where', POLICY.replace('v1alpha1', 'v1beta2'), 1],
])('the hook %s', (_, policy, status) => {
  const call = repository(policy);
  call('git', ['init', '-q']);
  const directory = call('git', ['rev-parse', '--absolute-git-dir']).stdout.trim();
  mkdirSync(join(directory, 'hooks'), { recursive: true });
  writeFileSync(join(directory, 'hooks', 'pre-commit'), HOOK);
  chmodSync(join(directory, 'hooks', 'pre-commit'), 0o755);
  call('git', ['add', 'policies']);
  const commit = call('git', ['commit', '-qm', 'policies']);
  expect(commit.status, commit.stderr).toBe(status);
  expect(call('git', ['rev-list', '--all', '--count']).stdout.trim()).toBe(status === 0 ? '1' : '0');
  if (status !== 0) expect(commit.stdout + commit.stderr).toContain('policies/shop.yaml:1:13  error  wrong-api-version');
});

it('the workflow writes an annotation beside the line, and fails', () => {
  const { steps } = (parse(WORKFLOW) as { jobs: { policies: { steps: { run?: string }[] } } }).jobs.policies;
  const command = steps.flatMap(({ run }) => run ?? []).join('\n');
  const { status, stdout } = repository(POLICY.replace('v1alpha1', 'v1beta2'))('sh', ['-ec', command]);
  expect(stdout).toMatch(/^::error file=.*policies\/shop\.yaml,line=1,col=13,title=wrong-api-version::/);
  expect(status).toBe(1);
});
