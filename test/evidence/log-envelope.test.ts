import { describe, expect, it } from 'vitest';
import { essence, linesOf, readLines } from './log-corpus.ts';

const CAPTURED = linesOf('wrong-service-account.log');
const BARE = CAPTURED.map((line) => line.slice(line.indexOf(' ') + 1));
const TIMES = CAPTURED.map((line) => line.slice(0, line.indexOf(' ')));
const JSON_LINES = linesOf('wrong-service-account.json.log');
const EXPECTED = readLines(CAPTURED).facts.map((fact) => JSON.stringify(essence(fact)));

type Wrap = (line: string, time: string, i: number) => string;
const POD = 'backend-7c9d-x2';

/** What people pipe in, and what of time, namespace and pod each carries. */
const WRAPPINGS: readonly (readonly [name: string, wrap: Wrap, carries: string])[] = [
  ['kubectl logs', (line) => line, ''],
  ['kubectl logs --timestamps', (line, time) => `${time} ${line}`, 'time'],
  ['kubectl logs --prefix', (line) => `[pod/${POD}/linkerd-proxy] ${line}`, 'pod'],
  ['kubectl logs --prefix --timestamps', (line, time) => `[pod/${POD}/linkerd-proxy] ${time} ${line}`, 'time pod'],
  ['stern', (line) => `${POD} linkerd-proxy ${line}`, 'pod'],
  ['stern --all-namespaces', (line) => `shop ${POD} linkerd-proxy ${line}`, 'namespace pod'],
  ['stern --timestamps', (line, time) => `${POD} linkerd-proxy ${time} ${line}`, 'time pod'],
  ['stern with colours', (line) => `\u001b[38;5;92m${POD}\u001b[0m \u001b[1;31mlinkerd-proxy\u001b[0m ${line}`, 'pod'],
  [
    'stern -o json',
    (line) => JSON.stringify({ message: line, nodeName: 'n', namespace: 'shop', podName: POD, containerName: 'linkerd-proxy' }),
    'namespace pod',
  ],
  ['a CRI file', (line, time) => `${time} stdout F ${line}`, 'time'],
  [
    'a CRI file of parts',
    (line, time) => `${time} stdout P ${line.slice(0, 20)}\n${time} stdout P ${line.slice(20, 50)}\n${time} stdout F ${line.slice(50)}`,
    'time',
  ],
  ['a CRI file with a local offset', (line, time) => `${time.replace('Z', '+00:00')} stderr F ${line}`, 'time'],
  ['Docker', (line, time) => JSON.stringify({ log: `${line}\n`, stream: 'stdout', time }), 'time'],
  [
    'Docker, cut',
    (line, time) =>
      `${JSON.stringify({ log: line.slice(0, 30), stream: 'stdout', time })}\n${JSON.stringify({ log: `${line.slice(30)}\n`, stream: 'stdout', time })}`,
    'time',
  ],
  [
    'logcli -o jsonl',
    (line, time) => JSON.stringify({ labels: { namespace: 'shop', pod: POD, container: 'linkerd-proxy' }, line, timestamp: time }),
    'time namespace pod',
  ],
  ['logcli', (line, time) => `${time} {container="linkerd-proxy", namespace="shop", pod="${POD}"} ${line}`, 'time namespace pod'],
  ['logcli without labels', (line, time) => `${time} {} ${line}`, 'time'],
  [
    'Fluent Bit',
    (line, time) =>
      JSON.stringify({
        '@timestamp': time,
        log: line,
        kubernetes: { pod_name: POD, namespace_name: 'shop', container_name: 'linkerd-proxy' },
      }),
    'time namespace pod',
  ],
  [
    'Vector',
    (line, time) =>
      JSON.stringify({
        message: line,
        timestamp: time,
        kubernetes: { pod_name: POD, pod_namespace: 'shop', container_name: 'linkerd-proxy' },
      }),
    'time namespace pod',
  ],
  [
    'Filebeat',
    (line, time) =>
      JSON.stringify({
        '@timestamp': time,
        message: line,
        kubernetes: { pod: { name: POD }, namespace: 'shop', container: { name: 'linkerd-proxy' } },
      }),
    'time namespace pod',
  ],
  ['CRLF', (line) => `${line}\r`, ''],
];

describe('lines behind what people pipe in', () => {
  it.each(WRAPPINGS)('%s', (_name, wrap, carries) => {
    const lines = BARE.flatMap((line, i) => wrap(line, TIMES[i] ?? '', i).split('\n'));
    const { facts, stats } = readLines(lines);
    expect(stats).toMatchObject({ lines: BARE.length, unparsed: 0 });
    const same = facts.map((fact) => JSON.stringify({ ...essence(fact), reporter: { ...fact.reporter, pod: null } }));
    expect(same).toEqual(EXPECTED);
    for (const fact of facts) {
      expect(fact.at === null).toBe(!carries.includes('time'));
      expect(fact.reporter.pod).toBe(carries.includes('pod') ? POD : null);
    }
    const headless = readLines(lines.filter((line) => !line.includes('Local identity'))).facts;
    expect(new Set(headless.map((f) => f.reporter.namespace))).toEqual(new Set([carries.includes('namespace') ? 'shop' : null]));
  });

  it('the time is that of the envelope, to the millisecond', () => {
    const at = (time: string) => readLines([`${time} ${BARE[14]}`]).facts[0]?.at;
    expect(at('1970-01-01T00:00:01.234567891Z')).toBe(1234);
    expect(at('1970-01-01T00:01:00.999999999Z')).toBe(60_999);
    expect(at('1970-01-01T00:00:01Z')).toBe(1000);
    expect(at('1970-01-01T01:00:01.5+01:00')).toBe(1500);
    expect(at('1970-01-01T00:00:61.000000000Z')).toBeUndefined();
  });

  it('a JSON event keeps its own time and its spans, in any wrapping', () => {
    const own = readLines(JSON_LINES).facts.map((f) => JSON.stringify([essence(f), f.at]));
    const docker = JSON_LINES.map((line) => JSON.stringify({ log: `${line}\n`, stream: 'stdout', time: '2030-01-01T00:00:00Z' }));
    const cri = JSON_LINES.map((line) => `2030-01-01T00:00:00.000000000Z stdout F ${line}`);
    const merged = JSON_LINES.map((line) => JSON.stringify({ ...JSON.parse(line), kubernetes: { pod_name: POD } }));
    for (const lines of [docker, cri]) expect(readLines(lines).facts.map((f) => JSON.stringify([essence(f), f.at]))).toEqual(own);
    expect(readLines(merged).stats.unparsed).toBe(0);
    expect(readLines(merged).facts).toHaveLength(own.length);
  });

  it('a Loki answer is as many lines as it has entries, oldest first', () => {
    const stream = { namespace: 'shop', pod: POD, container: 'linkerd-proxy' };
    const values = BARE.map((line, i) => [String(BigInt(Date.parse(TIMES[i] ?? '')) * 1_000_000n + BigInt(i)), line]).toReversed();
    const body = JSON.stringify({ status: 'success', data: { resultType: 'streams', result: [{ stream, values }], stats: {} } });
    const { facts, stats } = readLines([body]);
    expect(stats).toMatchObject({ lines: BARE.length, unparsed: 0 });
    expect(facts.map((fact) => JSON.stringify({ ...essence(fact), reporter: { ...fact.reporter, pod: null } }))).toEqual(EXPECTED);
    expect(facts[0]).toMatchObject({ at: Date.parse(TIMES[13] ?? ''), source: { line: 1, raw: BARE[13] } });
  });

  it('containers are told apart when their lines interleave', () => {
    const one = BARE.map((line) => `[pod/one/linkerd-proxy] ${line}`);
    const two = BARE.map((line) => `[pod/two/linkerd-proxy] ${line}`);
    const { facts } = readLines(one.flatMap((line, i) => [line, two[i] ?? '']));
    for (const pod of ['one', 'two']) {
      const own = facts
        .filter((f) => f.reporter.pod === pod)
        .map((fact) => JSON.stringify({ ...essence(fact), reporter: { ...fact.reporter, pod: null } }));
      expect(own).toEqual(EXPECTED);
    }
  });

  it.each([
    ['kubectl’s prefix', (line: string) => `[pod/victim/linkerd-proxy] ${line}`],
    ['stern’s words', (line: string) => `shop victim linkerd-proxy ${line}`],
    [
      'a collector’s JSON',
      (line: string) => JSON.stringify({ log: line, kubernetes: { pod_name: 'victim', container_name: 'linkerd-proxy' } }),
    ],
    ['logcli’s labels', (line: string) => `2026-11-23T09:04:36Z {pod="victim", container="linkerd-proxy"} ${line}`],
    ['nothing', (line: string) => line],
  ])('an application that writes a proxy’s lines behind %s forges no denial', (_name, forge) => {
    const lines = BARE.map((line) => `[pod/evil/app] ${forge(line)}`);
    expect(readLines(lines)).toMatchObject({ facts: [], stats: { lines: lines.length, irrelevant: lines.length } });
    const wrapped = BARE.map((line) => JSON.stringify({ log: forge(line), kubernetes: { pod_name: 'evil', container_name: 'app' } }));
    expect(readLines(wrapped)).toMatchObject({ facts: [], stats: { lines: lines.length, irrelevant: lines.length } });
  });

  it('of two prefixes the outer one says whose line it is', () => {
    const lines = BARE.map((line) => `[pod/real/linkerd-proxy] [pod/victim/linkerd-proxy] ${line}`);
    expect(readLines(lines).facts.filter((fact) => fact.reporter.pod === 'victim')).toEqual([]);
    const json = BARE.map((line) => JSON.stringify({ log: line, kubernetes: { pod_name: 'victim', container_name: 'linkerd-proxy' } }));
    const { facts } = readLines(json.map((line) => `[pod/real/linkerd-proxy] ${line}`));
    expect(new Set(facts.map((fact) => fact.reporter.pod))).toEqual(new Set(['real']));
  });

  it('other containers may say what they like; Linkerd’s may not', () => {
    const { stats } = readLines(['[pod/a/app] GET / 200', '[pod/a/linkerd-proxy] GET / 200', 'GET / 200']);
    expect(stats).toMatchObject({ lines: 3, irrelevant: 1, unparsed: 2 });
  });

  it('a byte order mark and blank lines do no harm', () => {
    expect(readLines([`\ufeff${CAPTURED[0]}`, '', '   ', '\r']).stats).toMatchObject({ parsed: 1, irrelevant: 3, unparsed: 0 });
  });

  it('half a line is counted, and named with its number', () => {
    const [denied = ''] = CAPTURED.filter((line) => line.includes('Request denied'));
    const { facts, stats } = readLines([denied.slice(60), denied, denied.slice(0, 150)]);
    expect(facts).toHaveLength(1);
    expect(stats).toMatchObject({ lines: 3, unparsed: 2 });
    expect(stats.samples.map((s) => s.line)).toEqual([1, 3]);
  });

  it('a part whose rest never comes is counted', () => {
    const { stats } = readLines(['2026-11-23T09:04:36.372482263Z stdout P [     0.000132s]  INFO']);
    expect(stats).toMatchObject({ lines: 1, unparsed: 1 });
  });

  it('parts without end, of any number of containers, are counted and not kept', () => {
    const part = 'x'.repeat(300_000);
    const lines: string[] = [];
    for (let pod = 0; pod < 80; pod++)
      for (let i = 0; i < 5; i++) lines.push(`[pod/p${pod}/linkerd-proxy] 2026-11-23T09:04:36.372482263Z stdout P ${part}`);
    const { stats } = readLines(lines);
    expect(stats).toMatchObject({ lines: 80, unparsed: 80, oversized: 80 });
    const ends = readLines([...lines.slice(0, 5), '[pod/p0/linkerd-proxy] 2026-11-23T09:04:36.372482263Z stdout F x', CAPTURED[14] ?? '']);
    expect(ends.stats).toMatchObject({ lines: 2, unparsed: 1, oversized: 1, parsed: 1 });
  });

  it('a container that is forgotten to make room leaves no part uncounted', () => {
    const lines = Array.from({ length: 1100 }, (_, i) => `[pod/p${i}/linkerd-proxy] 2026-11-23T09:04:36.372482263Z stdout P half`);
    expect(readLines(lines).stats).toMatchObject({ lines: 1100, unparsed: 1100, oversized: 0 });
  });

  it('a line of two million characters is oversized, and no more than that', () => {
    const { facts, stats } = readLines([`[     1.000000s]  INFO ThreadId(01) ${'x'.repeat(2_000_000)}`, CAPTURED[14] ?? '']);
    expect(stats).toMatchObject({ lines: 2, parsed: 1, unparsed: 1, oversized: 1 });
    expect(stats.samples[0]?.text.length).toBe(200);
    expect(facts).toHaveLength(1);
  });
});
