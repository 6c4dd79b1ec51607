/** The parts of a live answer that need no cluster: labels of alerts, stretches of time, which pods are meant, and where a log goes on. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAlertLabels } from '../../src/commands/alert-labels.ts';
import { clientNameOf, livePlanOf } from '../../src/commands/explain-live-options.ts';
import { findPrometheus } from '../../src/commands/prometheus-found.ts';
import { lastTimeOf, linesAfter, readProxyLog } from '../../src/commands/proxy-log.ts';
import { selectPods } from '../../src/commands/proxy-pods.ts';
import { InvalidInput, Unavailable } from '../../src/errors.ts';
import type { Resource } from '../../src/policy/resource.ts';
import type { LogBounds, Logs } from '../../src/ports.ts';

describe('labels of an alert', () => {
  it.each([
    ['alertname=Denied,namespace=shop', { alertname: 'Denied', namespace: 'shop' }],
    ['{alertname="Denied", namespace="shop"}', { alertname: 'Denied', namespace: 'shop' }],
    ['client_id="a,b=\\"c\\"\\\\", x=1', { client_id: 'a,b="c"\\', x: '1' }],
    ['constructor=x,toString=y', { constructor: 'x', toString: 'y' }],
  ])('%s', (text, labels) => {
    expect([...readAlertLabels(text).labels]).toEqual(Object.entries(labels));
  });

  it.each([['='], ['a=b,,c=d'], ['a=b;c=d{'], ['a="b'], ['a=b,a=c'], ['1a=b'], ['{}'], ['a=b c=d'], ['a="b"c="d"']])(
    '%s is none',
    (text) => {
      if (text === 'a=b c=d,') expect(() => readAlertLabels(text)).not.toThrow(TypeError);
      else expect(() => readAlertLabels(text)).toThrow(InvalidInput);
    },
  );

  it('any value comes back that is written as Alertmanager writes it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (value) => {
        const written = value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
        expect(readAlertLabels(`{a="${written}",b="c"}`).labels.get('a')).toBe(value);
      }),
    );
  });
});

describe('the command line', () => {
  const none = { cluster: false, namespace: false, workload: false };

  it.each([
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['90s', 90_000],
  ])('--since %s', (since, milliseconds) => {
    expect(livePlanOf({ since }, none).since).toBe(milliseconds);
  });

  it.each([['0'], ['-1h'], ['31d'], ['1'], ['1w'], [''], ['1e9h']])('--since %j is no stretch of time', (since) => {
    expect(() => livePlanOf({ since }, none)).toThrow(/no stretch of time/);
  });

  it.each([
    ['sa/frontend', 'frontend'],
    ['ServiceAccount/frontend', 'frontend'],
    ['deploy/frontend', null],
    ['sa-frontend-abcde', null],
  ])('%s', (text, name) => {
    expect(clientNameOf(text)).toBe(name);
  });

  it.each([['sa/'], ['sa/a b'], ['sa/../x'], ['serviceaccounts/A']])('%s is no ServiceAccount', (text) => {
    expect(() => clientNameOf(text)).toThrow(InvalidInput);
  });
});

function pod(
  name: string,
  { owner = '', containers = ['app', 'linkerd-proxy'], init = [] as string[], labels = {}, ip = '10.0.0.1' } = {},
): Resource {
  const named = (names: readonly string[]) => names.map((one) => ({ name: one }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      labels: { 'pod-template-hash': 'abc', ...labels },
      ...(owner === '' ? {} : { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, controller: true }] }),
    },
    spec: { containers: named(containers), initContainers: named(init) },
    status: { podIP: ip },
  };
}

describe('which pods are meant', () => {
  const pods = [
    pod('cart-abc-2', { owner: 'cart-abc' }),
    pod('cart-abc-1', { owner: 'cart-abc', containers: ['app'], init: ['linkerd-init', 'linkerd-proxy'] }),
    pod('cart-abc-3', { owner: 'cart-abc', containers: ['app'] }),
    pod('cart', {}),
  ];
  const names = (selection: Parameters<typeof selectPods>[1]) => {
    const { meshed, unmeshed } = selectPods(pods, selection);
    return { meshed: meshed.map((one) => one.pod), unmeshed: unmeshed.map((one) => one.pod) };
  };

  it('those of a workload, a native sidecar among them; those without a proxy apart', () => {
    expect(names({ namespace: 'shop', workload: { kind: 'Deployment', name: 'cart' } })).toEqual({
      meshed: ['cart-abc-1', 'cart-abc-2'],
      unmeshed: ['cart-abc-3'],
    });
  });

  it('one pod, whatever workload bears its name; none of another namespace; all where nothing is asked', () => {
    expect(names({ namespace: 'shop', workload: { kind: 'Pod', name: 'cart' } }).meshed).toEqual(['cart']);
    expect(names({ namespace: 'other', workload: null }).meshed).toEqual([]);
    expect(names({ namespace: null, workload: null }).meshed).toEqual(['cart', 'cart-abc-1', 'cart-abc-2']);
  });
});

describe('a Prometheus that is found', () => {
  const service = (name: string, port: number, labels = {}): Resource => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop', labels },
    spec: { selector: { app: name }, ports: [{ port, targetPort: port === 9090 ? 9090 : 'http' }] },
  });
  const behind = (name: string) => pod(`${name}-0`, { labels: { app: name } });

  it.each([
    [
      'of linkerd-viz before others',
      [service('prometheus-operated', 9090), service('prometheus', 9090, { 'linkerd.io/extension': 'viz' })],
      'prometheus.shop',
    ],
    ['of the operator', [service('grafana', 3000), service('prometheus-operated', 9090)], 'prometheus-operated.shop'],
    ['by its name', [service('prometheus', 9090)], 'prometheus.shop'],
    ['none: another port', [service('prometheus', 80)], undefined],
    ['none: another name', [service('thanos', 9090)], undefined],
  ])('%s', (_, services, name) => {
    const all = ['prometheus', 'prometheus-operated', 'thanos', 'grafana'].map(behind);
    expect(findPrometheus([...services, ...all])?.name).toBe(name);
  });

  it('has a pod that runs', () => {
    const ended = { ...behind('prometheus'), status: {} };
    expect(findPrometheus([service('prometheus', 9090), ended])).toBeNull();
    expect(findPrometheus([service('prometheus', 9090), behind('prometheus')])).toEqual({
      name: 'prometheus.shop',
      pod: { namespace: 'shop', pod: 'prometheus-0' },
      port: 9090,
    });
  });
});

describe('where a log goes on', () => {
  const block = '2026-11-23T09:00:00Z a\n2026-11-23T09:00:00.1Z b\n2026-11-23T09:00:00.12Z c\n2026-11-23T09:00:00.120000001Z d';

  it.each([
    ['2026-11-23T08:59:59.999999999Z', 'abcd'],
    ['2026-11-23T09:00:00Z', 'bcd'],
    ['2026-11-23T09:00:00.1Z', 'cd'],
    ['2026-11-23T09:00:00.120Z', 'd'],
    ['2026-11-23T09:00:00.120000001Z', ''],
  ])('after %s', (after, rest) => {
    expect((linesAfter(block, after) ?? '').replace(/\S+Z |\n/g, '')).toBe(rest);
  });

  it('a line without a time goes with the one before it', () => {
    expect(linesAfter('2026-11-23T09:00:00Z a\n    at x\n2026-11-23T09:00:01Z b', '2026-11-23T09:00:00Z')).toBe('2026-11-23T09:00:01Z b');
    expect([lastTimeOf(block), lastTimeOf('no time'), lastTimeOf('')]).toEqual(['2026-11-23T09:00:00.120000001Z', null, null]);
  });
});

describe('a proxy’s log', () => {
  const line = (second: number) =>
    `2026-11-23T09:00:${String(second).padStart(2, '0')}Z [ ${second}.0s]  INFO ThreadId(01) linkerd2_proxy: x\n`;
  const bounds = { since: Date.parse('2026-11-23T09:00:00Z'), lines: 10, bytes: 10_000 };
  const logsOf = (current: string, previous: string | null): Logs & { readonly asked: LogBounds[] } => {
    const asked: LogBounds[] = [];
    return {
      place: '',
      asked,
      async *read(_, given) {
        asked.push(given);
        const text = given.previous ? previous : current;
        if (text === null) throw new Unavailable('nothing is left', '');
        yield Buffer.from(text);
      },
      async *follow() {},
      close() {},
    };
  };
  const read = (logs: Logs) => readProxyLog(logs, { namespace: 'shop', pod: 'cart-1' }, { bounds, after: null, add: () => {} });

  it.each([
    ['that began with the time asked for', line(1), null, [false], { hasPrevious: false, cut: null }],
    ['that began later, after a restart', line(30), line(5), [false, true], { hasPrevious: true, cut: null }],
    ['that began later, and never restarted', line(30), null, [false, true], { hasPrevious: false, cut: null }],
    ['with more lines than are wanted', line(30).repeat(10), line(5), [false], { hasPrevious: false, cut: 'oldest' }],
    ['with more bytes than are wanted', line(1).repeat(9) + 'x'.repeat(10_000), null, [false], { hasPrevious: false, cut: 'newest' }],
    ['that is empty', '', line(5), [false, true], { hasPrevious: true, cut: null }],
  ])('%s', async (_, current, previous, asked, result) => {
    const logs = logsOf(current, previous);
    expect(await read(logs)).toMatchObject(result);
    expect(logs.asked.map((given) => given.previous)).toEqual(asked);
  });
});
