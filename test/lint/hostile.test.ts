/** Files that are large, deep, odd or made to exhaust their reader: an answer, or a refusal that says where and what to do; never a crash. */
import { describe, expect, it } from 'vitest';
import { run } from '../run-command.ts';

const POLICY = `apiVersion: policy.linkerd.io/v1beta2
kind: AuthorizationPolicy
metadata:
  name: own
  namespace: shop
spec:
  targetRef: { kind: Namespace, name: shop }
  requiredAuthenticationRefs: [{ kind: ServiceAccount, name: frontend }]
`;
const lint = (stdin: string) => run(['lint', '-', '-o', 'github'], { stdin });

describe('is read', () => {
  it.each([
    ['line ends of Windows', POLICY.replaceAll('\n', '\r\n'), 1],
    ['a byte order mark', `\ufeff${POLICY}`, 1],
    ['empty documents and comments around', `---\n---\n# only\n---\n${POLICY}---\n`, 5],
    ['a List', `apiVersion: v1\nkind: List\nitems:\n- ${POLICY.replaceAll('\n', '\n  ').trimEnd()}\n`, 4],
    ['a long comment', `${POLICY}# ${'x'.repeat(5_000_000)}\n`, 1],
    ['a long text', POLICY.replace('spec:', `  annotations: { note: "${'y'.repeat(3_000_000)}" }\nspec:`), 1],
    ['a key of several lines', `${POLICY}  ? |\n    a\n    b\n  : c\n`, 1],
    ['keys that JavaScript has a meaning for', `${POLICY}  __proto__: { a: b }\n  constructor: 1\n  toString: x\n`, 1],
  ])('%s', async (_, text, line) => {
    const { stdout, exitCode } = await lint(text);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`::error file=stdin,line=${line},col=`);
    expect(stdout).toContain('title=wrong-api-version');
  });

  it('JSON', async () => {
    const object = { apiVersion: 'policy.linkerd.io/v1beta2', kind: 'AuthorizationPolicy', metadata: { name: 'a', namespace: 'b' } };
    expect((await lint(JSON.stringify(object))).stdout).toContain('title=wrong-api-version');
  });
});

describe('is refused', () => {
  const bomb = `a: &a [x, x]\n${'bcdefghijklmnopqrstuvwxyz'.replaceAll(/./g, (to) => `${to}: &${to} [*${String.fromCharCode(to.charCodeAt(0) - 1)}, *${String.fromCharCode(to.charCodeAt(0) - 1)}]\n`)}`;
  it.each([
    ['a mapping in a mapping, 5,000 times', `${POLICY}  x: ${'{a: '.repeat(5000)}b${'}'.repeat(5000)}\n`, 'nested more than 100 deep'],
    ['lists in lists', `${POLICY}  x: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`, 'nested more than 100 deep'],
    ['aliases of aliases', bomb + POLICY, 'Aliases stand for more than'],
    ['aliases of aliases in values of Helm', `policyController: {}\n${bomb}`, 'Aliases stand for more than'],
    ['a tab', POLICY.replace('  name: own', '\tname: own'), 'A tab indents this line'],
    ['a key twice', POLICY.replace('  name: own', '  name: own\n  name: other'), 'The key "name" stands twice'],
    ['a mapping for a key', `${POLICY}  ? { a: b }\n  : c\n`, 'A mapping stands where a key must be'],
    ['nothing', '', 'There is nothing in it'],
    ['a template', POLICY.replace('own', '{{ .Values.name }}'), 'Render it first: helm template'],
    ['a template in quotes', POLICY.replace('own', '"{{ .Values.name }}"'), 'Render it first: helm template'],
    ['a template around the object', `{{- if .Values.on }}\n${POLICY}{{- end }}\n`, 'Render it first: helm template'],
    ['a template of values', 'policyController:\n  logLevel: {{ .x }}\n', 'Render it first: helm template'],
  ])('%s', async (_, text, message) => {
    const { stdout, stderr, exitCode } = await lint(text);
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 2 });
    expect(stderr).toContain(message);
    expect(stderr.length).toBeLessThan(2000);
  });
});

/** Every kind that a rule looks at, with values of every wrong shape. */
const ODD = ['1', '"x"', '[1, null, { a: b }]', '{ a: [null] }', 'null', 'true'];
const FIELDS = `spec:
  targetRef: VALUE
  requiredAuthenticationRefs: VALUE
  identities: VALUE
  identityRefs: VALUE
  networks: VALUE
  parentRefs: VALUE
  rules: VALUE
  podSelector: VALUE
  port: VALUE
  proxyProtocol: VALUE
  accessPolicy: VALUE
  server: VALUE
  client: VALUE
  overrides: VALUE
  template: VALUE
  groups: VALUE
  ingress: VALUE
  egress: VALUE
  selector: VALUE
  ports: VALUE
  source: VALUE
  sources: VALUE
  chart: VALUE
  values: VALUE
data: VALUE
`;
const KINDS = [
  ...['v1beta3/Server', 'v1beta1/ServerAuthorization', 'v1beta3/HTTPRoute'].map((kind) => `policy.linkerd.io/${kind}`),
  ...['AuthorizationPolicy', 'MeshTLSAuthentication', 'NetworkAuthentication', 'HTTPLocalRateLimitPolicy'].map(
    (kind) => `policy.linkerd.io/v1alpha1/${kind}`,
  ),
  'gateway.networking.k8s.io/v1/GRPCRoute',
  'gateway.networking.k8s.io/v1/HTTPRoute',
  'networking.k8s.io/v1/NetworkPolicy',
  'monitoring.coreos.com/v1/PrometheusRule',
  'helm.toolkit.fluxcd.io/v2/HelmRelease',
  'argoproj.io/v1alpha1/Application',
  'helm.cattle.io/v1/HelmChart',
  'apps/v1/Deployment',
  'batch/v1/CronJob',
  'v1/Service',
  'v1/Pod',
  'v1/Namespace',
  'v1/ConfigMap',
];

it.each(ODD)('values of the wrong shape are answered in every kind: %s', async (value) => {
  const objects = KINDS.map((kind) => {
    const at = kind.lastIndexOf('/');
    const name = kind.endsWith('ConfigMap') ? 'linkerd-config' : 'a';
    return `apiVersion: ${kind.slice(0, at)}\nkind: ${kind.slice(at + 1)}\nmetadata: { name: ${name}, namespace: shop }\n${FIELDS.replaceAll('VALUE', value)}`;
  });
  const { exitCode, stderr } = await lint(objects.join('---\n'));
  expect([0, 1, 2], stderr).toContain(exitCode);
  expect(stderr).not.toMatch(/bug|TypeError|at .*\.ts:/);
});

it('of thousands of policies each is told which of thousands of Servers is one slip away', async () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      POLICY.replace('v1beta2', 'v1alpha1')
        .replace('own', `p${i}`)
        .replace('kind: Namespace, name: shop', `group: policy.linkerd.io, kind: Server, name: s${i}`)
        .concat(
          `---\napiVersion: policy.linkerd.io/v1beta3\nkind: Server\nmetadata: { name: t${i}, namespace: shop }\nspec: { podSelector: {}, port: 80 }\n`,
        ),
    ).join('---\n');
  const { stdout, exitCode } = await lint(many(2000));
  expect(
    stdout
      .trim()
      .split('\n')
      .filter((line) => line.includes('title=target-missing')),
  ).toHaveLength(2000);
  expect(stdout).toContain('Right: name: t1999\n');
  expect(exitCode).toBe(1);
}, 120_000);
