import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Resource } from '../../src/policy/resource.ts';
import { dump, explainSituation, filesIn, run, situation } from './explain-run.ts';

const wrong = situation('wrong-service-account');
const wrongLog = `${wrong.log.join('\n')}\n`;
const denied = wrong.log.filter((line) => line.includes('Request denied')).map((line) => line.slice(line.indexOf('[')));
const withoutIdentity = `${denied.join('\n')}\n`;

/** The same namespace once more under another name. */
function copied(objects: readonly Resource[], namespace: string): readonly Resource[] {
  return objects.filter((o) => o.metadata.namespace === 'shop').map((o) => ({ ...o, metadata: { ...o.metadata, namespace } }));
}

describe('whose log it is', () => {
  const files = filesIn({
    'dump.json': dump(wrong.objects),
    'two.json': dump([...wrong.objects, ...copied(wrong.objects, 'other')]),
    'policies.json': dump(wrong.objects.filter((o) => o.kind !== 'Pod')),
    'backend.log': wrongLog,
  });
  const whose = async (args: readonly string[], stdin: string) => {
    const { exitCode, stdout, stderr } = await run([...args, '-o', 'json'], { stdin });
    if (exitCode !== 0) return stderr;
    const [client] = JSON.parse(stdout).clients;
    const { namespace, workload, pods } = client.targets[0];
    return [namespace, workload === null ? null : `${workload.kind} ${workload.name}`, pods.join()].join(' ');
  };
  const pod = wrong.objects.find((o) => o.kind === 'Pod' && o.metadata.labels?.['app'] === 'backend')?.metadata.name as string;

  test.each([
    ['the one workload that has the Server which the lines name', ['dump.json'], withoutIdentity, 'shop Deployment backend '],
    ['that of the identity which the proxy says at its start', ['two.json'], wrongLog, 'shop Deployment backend '],
    ['that which -n and the name say', ['two.json', '-n', 'other', 'deploy/backend'], withoutIdentity, 'other Deployment backend '],
    [
      'the pod of kubectl logs --prefix',
      ['dump.json'],
      denied.map((l) => `[pod/${pod}/linkerd-proxy] ${l}`).join('\n'),
      `shop Deployment backend ${pod}`,
    ],
  ])('is %s', async (_, [cluster = '', ...args], stdin, expected) => {
    expect(await whose(['--cluster', files(cluster), ...args], stdin)).toBe(expected);
  });

  test('is the pod that a file is named after', async () => {
    const named = filesIn({ [`${pod}.linkerd-proxy.log`]: withoutIdentity });
    expect(await whose(['--cluster', files('dump.json'), '--logs', named(`${pod}.linkerd-proxy.log`)], '')).toBe(
      `shop Deployment backend ${pod}`,
    );
  });

  test('is a workload of which another pod is left, when its own pod is gone', async () => {
    const gone = `${pod.slice(0, pod.lastIndexOf('-'))}-zzzzz`;
    const stdin = denied.map((line) => `[pod/${gone}/linkerd-proxy] ${line}`).join('\n');
    expect(await whose(['-n', 'shop', '--cluster', files('dump.json')], stdin)).toBe(`shop Deployment backend ${gone}`);
  });

  test('cannot be told where two workloads fit: then it says which, and the command to run', async () => {
    const { exitCode, stdout, stderr } = await run(['--cluster', files('two.json')], { stdin: withoutIdentity });
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `denywhy: cannot tell whose log this is.
  Proxy lines name neither namespace nor pod, and stdin has no prefix.
  They fit 2 workloads: -n shop deploy/backend, -n other deploy/backend.
  Say so:  denywhy explain -n NAMESPACE deploy/NAME …
  or:      kubectl logs --prefix …
`,
    });
  });

  test('cannot be told by objects without pods, which is said', async () => {
    const { exitCode, stderr } = await run(['--cluster', files('policies.json')], { stdin: withoutIdentity });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('hold no pods and no workloads: dump them too.');
  });

  test.each([
    [['-n', 'shop', 'deploy/bakend'], 'there is no deploy/bakend in namespace shop of this cluster.', '-n shop deploy/backend'],
    [['-n', 'shop', 'backend'], 'there is no pod backend in this cluster.', 'Did you mean -n shop deploy/backend?'],
    [['-n', 'nowhere', 'deploy/backend'], 'there is no deploy/backend in namespace nowhere', 'There are pods in: shop'],
    [['deploy/backend'], 'several namespaces have a deploy/backend.', '-n shop deploy/backend, -n other deploy/backend'],
    [['service/backend'], '"service/backend" names no kind of workload', 'deploy/NAME'],
    [['deploy/Back end'], 'is no name of a workload', 'deploy/NAME'],
  ])('%j names nothing that is there', async (args, message, remedy) => {
    const { exitCode, stderr } = await run([...args, '--cluster', files('two.json')], { stdin: withoutIdentity });
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain(remedy);
  });

  test('may be said behind an option that takes several paths', async () => {
    expect(await whose(['-n', 'other', '--cluster', files('two.json'), 'deploy/backend'], withoutIdentity)).toBe(
      'other Deployment backend ',
    );
    expect(await whose(['-n', 'other', '--cluster', files('two.json'), pod], withoutIdentity)).toBe(`other Deployment backend ${pod}`);
  });

  test('cannot be told of a page: then the command says how a page is named', async () => {
    const pages = filesIn({ 'page.prom': page(3) });
    const { exitCode, stderr } = await run(['--cluster', files('two.json'), '--metrics', pages('page.prom')], { stdin: '' });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('cannot tell which proxy counted this.');
    expect(stderr).toContain('--metrics NAMESPACE/POD=FILE');
  });

  test('is not looked for among options', async () => {
    const { exitCode, stderr } = await run(['--cluster', '--logs', files('backend.log')], { stdin: '' });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('--cluster needs a path, and --logs stands there.');
  });
});

describe('without a cluster', () => {
  test('the denial alone is explained, and what is missing is asked for', async () => {
    const { exitCode, stdout } = await run([], { stdin: wrongLog });
    expect(exitCode).toBe(0);
    await expect(stdout).toMatchFileSnapshot('golden/explain-without-cluster.txt');
  });
});

const page = (count: number, more = '') => `# TYPE inbound_http_authz_deny_total counter
inbound_http_authz_deny_total{target_addr="10.42.0.9:8080",target_ip="10.42.0.9",target_port="8080",srv_group="policy.linkerd.io",srv_kind="server",srv_name="backend-http",srv_port="8080",route_group="",route_kind="default",route_name="default",tls="true",client_id="admin.shop.serviceaccount.identity.linkerd.cluster.local"} ${count}
${more}`;

describe('counters', () => {
  const files = filesIn({ 'dump.json': dump(wrong.objects), 'a.prom': page(7), 'b.prom': page(12), log: wrongLog });
  const counts = async (args: readonly string[]) => {
    const { stdout, stderr } = await run(['--cluster', files('dump.json'), '-n', 'shop', 'deploy/backend', ...args, '-o', 'json']);
    expect(stderr).toBe('');
    const clients: { counts: object; before: number; targets: { countedBy: string }[] }[] = JSON.parse(stdout).clients;
    return clients.map(({ counts, before, targets }) => ({ ...counts, before, by: targets[0]?.countedBy }));
  };

  test('read twice tell what came between', async () => {
    expect(await counts(['--metrics', files('a.prom'), files('b.prom')])).toEqual([{ 'http-denied': 5, before: 7, by: 'metrics' }]);
  });
  test('read once tell that it happened, and not when', async () => {
    expect(await counts(['--metrics', files('a.prom')])).toEqual([{ 'http-denied': 0, before: 7, by: 'metrics' }]);
  });
  test('read once beside a log do not count again what the log tells of', async () => {
    expect(await counts(['--metrics', files('a.prom'), '--logs', files('log')])).toEqual([{ 'http-denied': 2, before: 5, by: 'logs' }]);
  });
  test('of a named pod are its own', async () => {
    const { stdout } = await run([
      '--cluster',
      files('dump.json'),
      '--metrics',
      `shop/backend-7d4b9c-xxxxx=${files('a.prom')}`,
      '-o',
      'json',
    ]);
    expect(JSON.parse(stdout).clients[0].targets[0]).toMatchObject({ namespace: 'shop', pods: ['backend-7d4b9c-xxxxx'] });
  });
});

describe('alerts', () => {
  const alert = (labels: object, status = 'firing') => ({
    status,
    labels: { alertname: 'Denied', namespace: 'shop', deployment: 'backend', ...labels },
    startsAt: '2026-11-23T08:49:20Z',
    endsAt: '0001-01-01T00:00:00Z',
    fingerprint: '00',
  });
  const server = { srv_group: 'policy.linkerd.io', srv_kind: 'server', srv_name: 'backend-http', srv_port: '8080' };
  const files = filesIn({
    'dump.json': dump(wrong.objects),
    log: wrongLog,
    'bare.json': JSON.stringify({ version: '4', alerts: [alert({})] }),
    'full.json': JSON.stringify({ version: '4', alerts: [alert({ ...server, tls: 'no_identity', no_tls_reason: 'no_tls_from_remote' })] }),
    'resolved.json': JSON.stringify({ version: '4', alerts: [alert({}, 'resolved')] }),
    'recorded.jsonl': `${JSON.stringify({ receivedAt: 'x', body: { version: '4', alerts: [alert({})] } })}\n`,
  });

  test.each(['bare.json', 'recorded.jsonl'])('of %s point at the denials that were read', async (name) => {
    const { stdout } = await run(['--cluster', files('dump.json'), '--logs', files('log'), '--alerts', files(name)]);
    expect(stdout).toContain('ALERTS   Denied firing since 08:49:20 UTC: about 1 above.');
  });
  test('that name a Server and how the client came are explained without any other evidence', async () => {
    const { stdout } = await run(['--cluster', files('dump.json'), '--alerts', files('full.json')]);
    expect(stdout).toContain('1 of 1  DENIED (decide)  not counted (an alert)');
    expect(stdout).toContain('MeshTLSAuthentication shop/frontend-mtls needs a mesh identity');
    expect(stdout).toContain('MISSING  who the client is');
  });
  test('that are all resolved are said to be', async () => {
    const { stdout } = await run(['--cluster', files('dump.json'), '--alerts', files('resolved.json')]);
    expect(stdout).toContain('No denials.');
    expect(stdout).toContain('1 alert was read that is resolved');
  });
  test('that name neither say which log tells more', async () => {
    const { stdout } = await run(['--cluster', files('dump.json'), '--alerts', files('bare.json')]);
    expect(stdout.replace(/\s+/g, ' ')).toContain('kubectl logs -n shop deploy/backend -c linkerd-proxy --since=15m');
  });
});

describe('a history', () => {
  const lie = situation('identity-lists-wrong-namespace');
  const event = (type: string, object: Resource, observedAt: string) => JSON.stringify({ type, object, observedAt });
  const start = lie.objects.map((o) => event('ADDED', o, '2026-11-23T08:00:00Z'));
  const mtls = lie.objects.find((o) => o.kind === 'MeshTLSAuthentication') as Resource;
  const mended = { ...mtls, spec: { identities: ['frontend.shop.serviceaccount.identity.linkerd.cluster.local'] } };
  const files = filesIn({ 'history.jsonl': [...start, event('MODIFIED', mended, '2026-11-23T09:00:00Z')].join('\n') });
  const explain = (...args: string[]) => run(['--cluster', files('history.jsonl'), ...args], { stdin: `${lie.log.join('\n')}\n` });

  test('is asked for the moment of the denial, and says since when it would be allowed', async () => {
    const { stdout } = await explain();
    expect(stdout).toContain('lists ServiceAccount frontend\n         of another namespace, staging.');
    expect(stdout).toContain('NOW      allowed since 09:00:00 UTC: MeshTLSAuthentication shop/frontend-mtls');
  });
  test.each(['09:30', '2026-11-23T10:30:00+01:00'])('is asked for the moment of --at %s', async (at) => {
    const { stdout } = await explain('--at', at);
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      'At the moment asked for the policy allows it by AuthorizationPolicy shop/backend-frontend',
    );
    expect(stdout).not.toContain('NOW');
  });
  test('--at of a dump is remarked upon', async () => {
    const { stdout } = await explainSituation(lie, ['--at', '09:30']);
    expect(stdout).toContain('NOTED    --at changes nothing here');
  });
});

describe('the answer as data', () => {
  test('has the documented shape', async () => {
    const { stdout } = await explainSituation(situation('route-other-than-assumed'), ['-n', 'shop', 'deploy/backend', '-o', 'json']);
    const placed = stdout
      .replaceAll(/"place": "[^"]*\/dump\.json/g, '"place": "dump.json')
      .replaceAll(/\b([ab])\/[^ "\\]*\/dump\.json/g, '$1/dump.json');
    await expect(placed).toMatchFileSnapshot('golden/explain-data.json.txt');
  });
  test('is the same in JSON and YAML, and neither holds what a terminal obeys', async () => {
    const hostile = wrongLog.replaceAll('admin.shop.', '\u001b[31madmin\u0007\u202e\u{e0001}.shop.');
    const file = filesIn({ 'dump.json': dump(wrong.objects) });
    const json = await run(['--cluster', file('dump.json'), '-o', 'json'], { stdin: hostile });
    const yaml = await run(['--cluster', file('dump.json'), '-o', 'yaml'], { stdin: hostile });
    const text = await run(['--cluster', file('dump.json')], { stdin: hostile });
    expect(parse(yaml.stdout)).toEqual(JSON.parse(json.stdout));
    for (const { stdout } of [json, yaml, text]) {
      expect(stdout).toContain('202e');
      expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\u{e0001}]/u);
    }
  });
});

describe('bad input gives one message, exit code 2 and no stack', () => {
  const bomb = gzipSync(Buffer.alloc(128 * 2 ** 20), { level: 9 });
  const files = filesIn({
    'dump.json': dump(wrong.objects),
    log: wrongLog,
    'cut.json': dump(wrong.objects).slice(0, 4000),
    'broken.yaml': 'a: [b\n',
    random: Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) % 251)),
    empty: '',
    'comment.yaml': '# nothing\n',
    'bomb.gz': bomb,
    'torn.gz': gzipSync(wrongLog).subarray(0, 100),
    'deep.yaml': `a: ${'['.repeat(20_000)}`,
    'list.json': '[1, 2]',
    'half.json': '{"status":"success","data":{"resultType":"vector","result":[',
    'error.json': '{"status":"error","errorType":"bad_data","error":"parse error"}',
    'cut.alert.json': '{"alerts": [',
    'no.alert.json': '{"status": "firing"}',
  });
  const dumped = ['--cluster', files('dump.json')];
  test.each([
    ['nothing at all', [], /nothing came from stdin\.\n {2}Pipe a proxy's log/],
    [
      'a dump that is cut off',
      ['--cluster', files('cut.json'), '--logs', files('log')],
      /cut\.json:1:\d+: \w+ "[^"]+" is cut off here\.\n.*kubectl get/s,
    ],
    ['YAML that is none', ['--cluster', files('broken.yaml'), '--logs', files('log')], /broken\.yaml:\d+:\d+: This is not YAML/],
    ['a binary as a dump', ['--cluster', files('random'), '--logs', files('log')], /random.* not (UTF-8 )?text/],
    ['an empty dump', ['--cluster', files('empty'), '--logs', files('log')], /empty: There is nothing in it/],
    [
      'dumps of comments alone',
      ['--cluster', files('comment.yaml'), files('comment.yaml'), '--logs', files('log')],
      /There is nothing in it/,
    ],
    ['JSON that is no dump', ['--cluster', files('list.json'), '--logs', files('log')], /list\.json/],
    [
      'a gzip bomb as a dump',
      ['--cluster', files('bomb.gz'), '--logs', files('log')],
      /bomb\.gz: This gzip file unpacks to more than 500 times/,
    ],
    ['a gzip bomb as a log', [...dumped, '--logs', files('bomb.gz')], /bomb\.gz: This gzip file unpacks to more than 500 times/],
    ['a torn gzip', [...dumped, '--logs', files('torn.gz')], /torn\.gz: This gzip file ends too early/],
    ['YAML nested without end', ['--cluster', files('deep.yaml'), '--logs', files('log')], /nested more than 100 deep/],
    ['a file that is not there', [...dumped, '--logs', '/nowhere/at.log'], /at\.log: There is no such file/],
    ['a directory as a log', [...dumped, '--logs', files('')], /This is a directory/],
    ['a log that is none', [...dumped, '--logs', files('list.json')], /list\.json:1: This is no log of a Linkerd proxy.*\n.*kubectl logs/],
    [
      'a text as a log',
      [...dumped, '--logs', 'README.md'],
      /README\.md:1: This is no log of a Linkerd proxy: none of its [\d,]+ lines can be read/,
    ],
    ['a binary as a log', [...dumped, '--logs', files('random')], /random:1: This is no log/],
    ['an empty log', [...dumped, '--logs', files('empty')], /nothing came from .*empty/],
    ['empty metrics', [...dumped, '--metrics', files('empty')], /empty: This is empty/],
    ['metrics that are none', [...dumped, '--metrics', files('random')], /random: This holds no metrics/],
    ['half an answer of Prometheus', [...dumped, '--metrics', files('half.json')], /half\.json: This is JSON that is cut off\./],
    ['an error of Prometheus', [...dumped, '--metrics', files('error.json')], /Prometheus refused the query, bad_data: parse error/],
    ['alerts that are cut off', [...dumped, '--alerts', files('cut.alert.json')], /cut\.alert\.json:1: This is not valid JSON/],
    ['no webhook', [...dumped, '--alerts', files('no.alert.json')], /not an Alertmanager webhook body/],
    ['stdin twice', ['--cluster', '-', '--logs', '-'], /There is nothing in it|stdin can be read only once/],
    ['no time', [...dumped, '--logs', files('log'), '--at', 'noon'], /--at "noon" is no time/],
    ['no port', [...dumped, '--logs', files('log'), '--port', '0'], /--port "0" is no port/],
    ['no namespace', [...dumped, '--logs', files('log'), '-n', 'A b'], /--namespace "A b" is no name/],
    [
      'no default policy',
      [...dumped, '--logs', files('log'), '--default-inbound-policy', 'allow'],
      /--default-inbound-policy "allow" is not valid/,
    ],
    ['no form', [...dumped, '--logs', files('log'), '-o', 'xml'], /Allowed choices are text, yaml, json, patch, diff/],
  ])('%s', async (_, args, message) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.match(/^denywhy: /gm)).toHaveLength(1);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('a terminal as stdin is not waited for', async () => {
    const { exitCode, stderr } = await run(['--cluster', files('dump.json')], { isTTY: { stdin: true } });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^denywhy: there is nothing to read\.\n {2}Pipe a proxy's log/);
  });

  test('lines that cannot be read are counted, and the first is shown', async () => {
    const { exitCode, stdout } = await run(dumped, { stdin: `${wrongLog}what is this\u001b[2J\nand this\n` });
    expect(exitCode).toBe(0);
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      '2 lines of stdin could not be read. The first is 6: what is this\\u001b[2J'.replace('6', String(wrong.log.length + 1)),
    );
  });
});

describe('a storm', () => {
  test('of a thousand clients shows those that were denied most, and counts the others', async () => {
    const file = filesIn({ 'dump.json': dump(wrong.objects) });
    const line = denied[0]?.replace(/client\.tls=\S+/, 'client.tls=None(NoClientHello)') ?? '';
    const stdin = Array.from({ length: 1000 }, (_, i) => line.replace(/client\.ip=\S+/, `client.ip=10.43.${i >> 8}.${i & 255}`)).join('\n');
    const { stdout } = await run(['--cluster', file('dump.json')], { stdin: `${stdin}\n${stdin.slice(0, 5000)}` });
    expect(stdout).toContain('30 of 1000  DENIED');
    expect(stdout).not.toContain('31 of 1000');
    expect(stdout).toMatch(/And 970 more clients, 97\d denials in all\. -o json has them\./);
  });
});

describe('settings', () => {
  test('that took part in a decision say where they came from', async () => {
    const outside = situation('serverauthorization-default-networks');
    const assumed = await explainSituation(outside);
    const flagged = await explainSituation(outside, ['--cluster-networks', '10.0.0.0/8,203.0.113.0/28']);
    expect(assumed.stdout).toContain('SETTINGS cluster-networks 10.0.0.0/8, 100.64.0.0/10');
    expect(assumed.stdout.replace(/\s+/g, ' ')).toContain('assumed: Linkerd’s default');
    expect(flagged.stdout.replace(/\s+/g, ' ')).toContain('SETTINGS cluster-networks 10.0.0.0/8, 203.0.113.0/28: from the command line.');
  });
  test('of the command line decide where the objects do not', async () => {
    const { stdout } = await explainSituation(situation('serverauthorization-default-networks'), [
      '--cluster-networks',
      '203.0.113.0/24',
      '-o',
      'json',
    ]);
    expect(JSON.parse(stdout).clients[0].targets[0]).toMatchObject({ verdict: 'allow', agrees: false });
  });
});
