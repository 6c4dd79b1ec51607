/** What programs read, hostile text, suppressions, and the command line. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../run-command.ts';

function file(text: string, name = 'policy.yaml'): string {
  const path = join(mkdtempSync(join(tmpdir(), 'denywhy-lint-')), name);
  writeFileSync(path, text);
  return path;
}

const OLD = 'apiVersion: policy.linkerd.io/v1beta2\nkind: AuthorizationPolicy\n';
const HOSTILE = `${OLD}metadata:
  name: "x\\e[31m\\n::error file=a::b\\u202e%0A"
  namespace: "shop,col=1"
spec:
  targetRef: { group: policy.linkerd.io, kind: Server, name: "a\\e]0;x\\a" }
  requiredAuthenticationRefs: []
`;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

describe('hostile text', () => {
  it.each(['text', 'json', 'sarif', 'github'])('is inert in -o %s', async (form) => {
    const { stdout, stderr } = await run(['lint', file(HOSTILE), '-o', form]);
    expect(stdout).not.toMatch(OBEYED);
    expect(stderr).not.toMatch(OBEYED);
    if (form === 'github')
      for (const line of stdout.trim().split('\n'))
        expect(line).toMatch(/^::(?:error|warning|notice) file=[^,]*,line=\d+,col=\d+,title=[a-z0-9-]+::/);
  });

  it('is inert in a name of a file', async () => {
    const { stdout } = await run([
      'lint',
      file(`${OLD}metadata: { name: a, namespace: b }\nspec: {}\n`, 'a,line=9%::x.yaml'),
      '-o',
      'github',
    ]);
    expect(stdout).toMatch(/file=[^,:]*a%2Cline=9%25%3A%3Ax\.yaml,line=1,/);
  });
});

it('SARIF names every rule that a result is of, and where it is', async () => {
  const { stdout, exitCode } = await run(['lint', file(HOSTILE), '-o', 'sarif']);
  const [sarif] = (
    JSON.parse(stdout) as {
      runs: { tool: { driver: { rules: { id: string }[] } }; results: { ruleId: string; level: string; locations: object[] }[] }[];
    }
  ).runs;
  const ids = sarif?.tool.driver.rules.map(({ id }) => id) ?? [];
  for (const { ruleId } of sarif?.results ?? []) expect(ids).toContain(ruleId);
  expect(sarif?.results[0]?.locations[0]).toMatchObject({ physicalLocation: { region: { startLine: 1, startColumn: 13 } } });
  expect(exitCode).toBe(1);
});

it('reads stdin, and says so', async () => {
  const { stdout, exitCode } = await run(['lint', '-', '-o', 'github'], { stdin: HOSTILE });
  expect(stdout).toMatch(/^::error file=stdin,line=1,col=13,title=wrong-api-version::/);
  expect(exitCode).toBe(1);
});

describe('the command line', () => {
  const good = `${OLD.replace('v1beta2', 'v1alpha1')}metadata: { name: a, namespace: b }\nspec:\n  targetRef: { kind: Namespace, name: b }\n  requiredAuthenticationRefs: [{ kind: ServiceAccount, name: c }]\n`;

  it('ends with 0 where nothing is wrong', async () => {
    expect(await run(['lint', file(good)])).toMatchObject({ exitCode: 0, stdout: 'Nothing is wrong.\n' });
  });

  it.each([
    [['lint', 'nowhere.yaml'], 'There is no such file'],
    [['lint', '--code', '../../etc/passwd'], 'there is no code'],
    [['lint', '--against', 'x.yaml'], 'no file is named'],
    [['lint', 'x.yaml', '--context', 'y'], 'live cluster'],
    [['lint', '-', '--against', '-'], 'stdin cannot be read twice'],
  ])('%j is refused with what to do', async (args, message) => {
    const { exitCode, stderr } = await run(args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });

  it('shows the page of a code', async () => {
    const { stdout } = await run(['lint', '--code', 'overlapping-servers']);
    expect(stdout).toBe(readFileSync('docs/lint/overlapping-servers.md', 'utf8'));
  });

  it('shows repairs as a diff, also where the option swallowed the path, and leaves the file alone', async () => {
    const path = file(
      `${OLD}metadata: { name: a, namespace: b }\nspec:\n  targetRef: { kind: Namespace, name: b }\n  requiredAuthenticationRefs: [{ kind: ServiceAccount, name: c }]\n`,
    );
    const before = readFileSync(path, 'utf8');
    const { stdout, stderr, exitCode } = await run(['lint', '--fix', path]);
    expect(stdout).toContain('-apiVersion: policy.linkerd.io/v1beta2\n+apiVersion: policy.linkerd.io/v1alpha1\n');
    expect(stderr).toContain('1 of 1 findings would be repaired');
    expect(exitCode).toBe(1);
    expect(readFileSync(path, 'utf8')).toBe(before);
    expect(await run(['lint', '--fix=write', path])).toMatchObject({ exitCode: 0 });
    expect(readFileSync(path, 'utf8')).toBe(before.replace('v1beta2', 'v1alpha1'));
  });
});

describe('suppressions', () => {
  const policy = `${OLD}metadata: { name: a, namespace: b }\nspec:\n  targetRef: { kind: Namespace, name: b }\n  requiredAuthenticationRefs: [{ kind: ServiceAccount, name: c }]\n`;

  it.each([
    ['a comment before the object', `# denywhy:ignore wrong-api-version a fork serves it\n${policy}`],
    ['a comment within', policy.replace('spec:', '# denywhy:ignore wrong-api-version a fork serves it\nspec:')],
    ['a comment behind a value', policy.replace('v1beta2', 'v1beta2 # denywhy:ignore wrong-api-version a fork serves it')],
    [
      'an annotation',
      policy.replace('namespace: b }', "namespace: b, annotations: { denywhy.dev/ignore: 'wrong-api-version a fork serves it' } }"),
    ],
  ])('%s is heard, with its reason', async (_, text) => {
    const { stdout, exitCode } = await run(['lint', file(text), '-o', 'json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ errors: 0, suppressed: 1, findings: [{ suppressed: 'a fork serves it' }] });
  });

  it('of one object says nothing of the next', async () => {
    const { stdout } = await run([
      'lint',
      file(`# denywhy:ignore wrong-api-version a fork serves it\n${policy}---\n${policy.replace('name: a', 'name: z')}`),
      '-o',
      'json',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ errors: 1, suppressed: 1 });
  });
});

describe('Helm values', () => {
  it('of Linkerd are told by their keys, whatever the file is called, and on stdin', async () => {
    const text = 'policyController:\n  defaultPolicy: deny\n';
    for (const { stdout, exitCode } of [
      await run(['lint', file(text, 'prod.yaml'), '-o', 'github']),
      await run(['lint', '-', '-o', 'github'], { stdin: text }),
    ]) {
      expect(stdout).toMatch(/,line=2,col=18,title=unknown-setting::HelmValues /);
      expect(exitCode).toBe(1);
    }
  });

  it('are repaired in place, with their comments', async () => {
    const path = file('clusterDomain: cluster.local\nproxy:\n  # closed\n  defaultInboundPolcy: deny # for all\n', 'values.yaml');
    const text = 'policyController: {}\n';
    const own = file(`${text}${readFileSync(path, 'utf8')}`, 'values.yaml');
    expect(await run(['lint', '--fix=write', own])).toMatchObject({ exitCode: 0 });
    expect(readFileSync(own, 'utf8')).toBe(
      `${text}clusterDomain: cluster.local\nproxy:\n  # closed\n  # for all\n  defaultInboundPolicy: deny\n`,
    );
  });

  it.each(['values.yaml', 'values-prod.yml', 'shop-values.yaml'])('of other charts are passed over: %s', async (name) => {
    const { stdout, stderr, exitCode } = await run(['lint', file('replicas: 3\ndefaultPolicy: deny\nproxy:\n  image: nginx\n', name)]);
    expect({ stdout, exitCode }).toEqual({ stdout: 'Nothing is wrong.\n', exitCode: 0 });
    expect(stderr).toContain('values of a chart that is none of Linkerd’s');
  });

  it('of a directory are read beside its manifests', async () => {
    const path = file(
      `${OLD.replace('v1beta2', 'v1alpha1')}metadata: { name: a, namespace: b }\nspec:\n  targetRef: { kind: Namespace, name: b }\n  requiredAuthenticationRefs: [{ kind: ServiceAccount, name: c }]\n`,
    );
    writeFileSync(join(path, '..', 'values.yaml'), 'policyController:\n  defaultPolicy: deny\n');
    const { stdout } = await run(['lint', join(path, '..'), '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({ errors: 1, findings: [{ code: 'unknown-setting', line: 2 }] });
  });

  it('a file that is neither is still refused', async () => {
    const { stderr, exitCode } = await run(['lint', file('replicas: 3\n', 'settings.yaml')]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('no Kubernetes object');
  });
});
