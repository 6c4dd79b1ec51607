import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Denial, Fact, Symptom } from '../../src/evidence/facts.ts';
import { createLogParser } from '../../src/evidence/log.ts';
import { essence, LOGS, linesOf, readLines } from './log-corpus.ts';

const DEFAULT = { group: '', kind: 'default', name: 'default' };
const BACKEND_API = { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'backend-api' };
const server = (name: string) => ({ group: 'policy.linkerd.io', kind: 'server', name });
const mesh = (name: string) => ({ state: 'established', clientId: `${name}.shop.serviceaccount.identity.linkerd.cluster.local` });
const PLAINTEXT = { state: 'none', reason: 'no_tls_from_remote' };
const PORT_SKIPPED = { state: 'none', reason: 'port_skipped' };

function denials(facts: readonly Fact[]): Denial[] {
  return facts.filter((fact) => fact.type === 'denial');
}

function symptoms(facts: readonly Fact[], kind: Symptom['kind']): Symptom[] {
  return facts.filter((fact) => fact.type === 'symptom').filter((fact) => fact.kind === kind);
}

describe('real logs', () => {
  it.each(LOGS)('%s: every line is read or on the closed list', (name) => {
    const { stats } = readLines(linesOf(name));
    expect(stats.samples).toEqual([]);
    expect(stats.parsed + stats.irrelevant).toBe(stats.lines);
  });

  const DEMO = new URL('../../demo/logs/', import.meta.url);
  it('of the recorded story, policy controller included, are read to the last line', () => {
    for (const name of readdirSync(DEMO)) {
      const lines = gunzipSync(readFileSync(new URL(name, DEMO)))
        .toString()
        .split('\n')
        .slice(0, -1);
      const { stats } = readLines(lines);
      expect({ name, samples: stats.samples, all: stats.parsed + stats.irrelevant }).toEqual({ name, samples: [], all: lines.length });
    }
  });
});

describe('HTTP denials', () => {
  it('carry identity, address, path and port of the refused request', () => {
    const found = denials(readLines(linesOf('wrong-service-account.log')).facts);
    expect(found.map((d) => d.source.line)).toEqual([15, 17]);
    expect(found[0]).toMatchObject({
      kind: 'http-denied',
      at: expect.any(Number),
      server: server('backend-http'),
      route: DEFAULT,
      port: null,
      admin: false,
      client: { ip: '10.42.0.17', port: 51322, tls: mesh('admin') },
      request: { version: 'HTTP/2.0', method: null, path: '/admin', authority: null, grpc: false },
      count: 1,
      error: null,
      didNotApply: [],
      reporter: { cluster: '', namespace: 'shop', pod: null, workload: null, serviceAccount: 'backend' },
    });
  });

  it.each([
    ['2.161.5 (Linkerd 2.11)', '2.161.5', null],
    ['2.294.0 (Linkerd 2.18)', '2.294.0', BACKEND_API],
    ['2.359.0 (Linkerd 2.20)', '2.359.0', BACKEND_API],
  ])('of an unmeshed client are read from proxy %s, plain and JSON', (_name, version, route) => {
    for (const form of ['log', 'json.log']) {
      const found = denials(readLines(linesOf(`${version}.backend.${form}`)).facts).find((d) => d.client.ip === '10.42.0.20');
      expect(found).toMatchObject({ kind: 'http-denied', server: server('backend-http'), route, port: 8080, client: { tls: PLAINTEXT } });
      expect(found?.client.port).toBeGreaterThan(1023);
    }
  });

  it('at level DEBUG list the authorizations that did not apply', () => {
    const found = denials(readLines(linesOf('wrong-service-account.debug.json.log')).facts);
    expect(found.map((d) => d.didNotApply.map((a) => a.name).sort())).toEqual(found.map(() => ['backend-frontend', 'localhost']));
    expect(found.length).toBeGreaterThan(1);
  });

  it('on the admin port are marked, with the path of the scrape', () => {
    for (const name of ['prometheus-admin-port.log', 'prometheus-admin-port.json.log', 'prometheus-admin-port.debug.json.log']) {
      const [found] = denials(readLines(linesOf(name)).facts);
      expect(found).toMatchObject({
        kind: 'http-denied',
        admin: true,
        port: 4191,
        request: { path: '/metrics' },
        server: { name: 'deny' },
      });
    }
  });

  it('of gRPC calls say so', () => {
    const [found] = denials(readLines(linesOf('grpc-route-denied.log')).facts);
    expect(found).toMatchObject({
      request: { version: null, path: '/grpc.health.v1.Health/Check', grpc: true },
      route: { kind: 'GRPCRoute' },
    });
  });

  it('of SPIFFE clients carry the URI', () => {
    const [found] = denials(readLines(linesOf('spiffe-client-wildcard.log')).facts);
    expect(found?.client.tls).toEqual({ state: 'established', clientId: 'spiffe://root.linkerd.cluster.local/external-vm' });
  });

  it('of IPv4 clients of IPv6 listeners carry one form of the address, and join', () => {
    const found = denials(readLines(linesOf('ipv6-listeners.debug.log')).facts);
    expect(new Set(found.map((d) => d.client.ip))).toEqual(new Set(['10.42.0.10', '10.42.0.33']));
    expect(found.filter((d) => d.kind === 'http-denied').every((d) => d.request !== null && d.client.port !== null)).toBe(true);
  });
});

describe('other denials', () => {
  it('TCP: an unmeshed client of an opaque port, and a meshed one through 4143', () => {
    const { facts } = readLines(linesOf('opaque-server-with-http.log'));
    expect(denials(facts).map((d) => [d.kind, d.port, d.client.tls])).toContainEqual(['tcp-denied', 8080, PORT_SKIPPED]);
    expect(denials(facts)[0]).toMatchObject({ kind: 'tcp-denied', route: null, port: null, client: { tls: mesh('frontend') } });
    expect(denials(facts)).toHaveLength(facts.filter((f) => f.type === 'denial').length);
  });

  it('TCP in Linkerd 2.11, where the close line may be all there is', () => {
    const found = denials(readLines(linesOf('2.161.5.database.log')).facts);
    expect(found.map((d) => [d.kind, d.server?.name, d.port, d.client.tls])).toEqual([
      ['tcp-denied', 'database-sql', null, null],
      ['tcp-denied', 'database-sql', 5432, PORT_SKIPPED],
      ['tcp-denied', 'database-raw', null, null],
      ['tcp-denied', 'database-raw', 7000, PLAINTEXT],
    ]);
  });

  it('a connection that a policy change ended, and the next one, refused', () => {
    const found = denials(readLines(linesOf('tcp-terminated-by-edit.log')).facts);
    expect(found.map((d) => d.kind)).toEqual(['terminated', 'tcp-denied']);
  });

  it('rate limits, with the limit in the proxy’s words; at DEBUG with the Server', () => {
    const [plain] = denials(readLines(linesOf('rate-limit.log')).facts);
    expect(plain).toMatchObject({
      kind: 'rate-limited',
      server: null,
      route: null,
      error: expect.stringMatching(/rate limit exceeded: \d+rps$/),
    });
    const [debug] = denials(readLines(linesOf('rate-limit.debug.json.log')).facts);
    expect(debug).toMatchObject({
      kind: 'rate-limited',
      server: server('backend-http'),
      route: DEFAULT,
      client: { tls: mesh('frontend') },
    });
  });

  it('routes not found, on the admin port while the policy controller is silent', () => {
    const { facts } = readLines(linesOf('policy-controller-unresponsive.log'));
    expect(denials(facts)[0]).toMatchObject({ kind: 'route-not-found', admin: true, server: null, request: { path: '/ready' } });
    expect(symptoms(facts, 'policy-controller-unreachable').map((s) => s.port)).toEqual([8080, 4191]);
  });
});

describe('trouble without a denial', () => {
  it('a policy that the proxy cannot use', () => {
    const { facts } = readLines(linesOf('grpcroute-headers-without-method.log'));
    expect(symptoms(facts, 'server-misconfigured')).toMatchObject([
      { port: 9000, detail: 'invalid gRPC route: invalid route match: missing RPC match' },
    ]);
    expect(denials(facts)[0]).toMatchObject({
      server: { group: '', kind: 'default', name: 'invalid' },
      route: { kind: 'default', name: 'invalid' },
    });
  });

  it('a client that cannot connect: the Service and the endpoint it dialled', () => {
    const { facts } = readLines(linesOf('network-policy-drop.client.log'));
    expect(symptoms(facts, 'connect-failed')[0]).toMatchObject({
      port: 8080,
      detail: 'connect timed out after 1s',
      peer: { service: { namespace: 'shop', name: 'backend', port: 80 }, address: '10.42.0.72:8080' },
    });
    expect(symptoms(facts, 'request-failed').map((s) => s.detail)).toContain(
      'logical service 10.96.137.14:80: route default.http: backend Service.shop.backend:80: Service.shop.backend:80: service in fail-fast',
    );
  });

  it('a service in fail-fast, as older proxies say it', () => {
    const line = (target: string, text: string) =>
      `[     9.000000s]  WARN ThreadId(01) outbound:proxy{addr=10.96.0.1:80}: ${target}: ${text}`;
    const lines = ['linkerd_stack::failfast', 'linkerd_timeout::failfast'].map((target) =>
      line(target, 'HTTP Balancer entering failfast after 3s'),
    );
    expect(symptoms(readLines(lines).facts, 'request-failed').map((s) => s.detail)).toEqual(
      Array(2).fill('HTTP Balancer entering failfast after 3s'),
    );
    expect(readLines([line('linkerd_stack::failfast', 'HTTP Balancer left failfast')]).stats.unparsed).toBe(1);
  });

  it('connections refused before any policy', () => {
    expect(symptoms(readLines(linesOf('2.161.5.backend.log')).facts, 'refused-before-policy')[0]).toMatchObject({
      detail: 'a named target must be provided on gateway connections',
      client: { ip: '10.42.0.147' },
    });
  });
});

describe('plain and JSON', () => {
  it.each(['2.294.0.backend', '2.359.0.backend', '2.359.0.database', 'rate-limit', 'wrong-service-account'])(
    '%s: the same traffic gives the same facts',
    (name) => {
      const strip = (fact: Fact) =>
        JSON.stringify(essence(fact))
          .replace(/"port":\d{5}/g, '"port":0')
          .replace(/"ip":"10\.42\.0\.\d+"/g, '"ip":""');
      const kinds = (form: string) => [...new Set(denials(readLines(linesOf(`${name}.${form}`)).facts).map(strip))].sort();
      expect(kinds('json.log')).toEqual(kinds('log'));
      expect(kinds('log').length).toBeGreaterThan(0);
    },
  );
});

describe('whose log it is', () => {
  it('the given reporter, until the proxy says its identity', () => {
    const lines = linesOf('wrong-service-account.log');
    const denied = lines.filter((line) => line.includes('policy::http'));
    const workload = { kind: 'Deployment', namespace: 'shop', name: 'backend' };
    const given = { namespace: 'shop', pod: 'backend-1', workload };
    expect(readLines(denied, { name: 'x', reporter: given }).facts[0]?.reporter).toEqual({ cluster: '', ...given });
    const elsewhere = readLines(lines, {
      name: 'x',
      reporter: { namespace: 'production', workload: { ...workload, namespace: 'production' } },
    });
    expect(denials(elsewhere.facts)[0]?.reporter).toMatchObject({ namespace: 'shop', workload: null, serviceAccount: 'backend' });
  });

  it('a pod that is not the workload’s is not taken for it', () => {
    const [line = ''] = linesOf('wrong-service-account.log').filter((l) => l.includes('policy::http'));
    const workload = { kind: 'Deployment', namespace: 'shop', name: 'backend' };
    const facts = ['backend-7d4-x', 'frontend-5c9-y'].flatMap(
      (pod) => readLines([`[pod/${pod}/linkerd-proxy] ${line}`], { name: 'x', reporter: { namespace: 'shop', workload } }).facts,
    );
    expect(facts.map((f) => [f.reporter.pod, f.reporter.workload])).toEqual([
      ['backend-7d4-x', workload],
      ['frontend-5c9-y', null],
    ]);
  });

  it('a start time turns uptime into time; a second process in the log does not get it', () => {
    const strip = (line: string) => line.slice(line.indexOf('['));
    const lines = linesOf('wrong-service-account.log').map(strip);
    const [first] = denials(readLines(lines, { name: 'x', startedAt: 1_000_000 }).facts);
    expect(first?.at).toBe(1_000_000 + Math.floor(Number(/\[ *([\d.]+)s\]/.exec(first?.source.raw ?? '')?.[1]) * 1000));
    const twice = denials(readLines([...lines, ...lines], { name: 'x', startedAt: 1_000_000 }).facts);
    expect(twice.map((d) => d.at === null)).toEqual([
      ...twice.slice(0, twice.length / 2).map(() => false),
      ...twice.slice(twice.length / 2).map(() => true),
    ]);
  });
});

describe('several lines at once', () => {
  it('are the same as one by one, numbers and order included', () => {
    for (const name of LOGS) {
      const lines = linesOf(name);
      const one = readLines(lines, { name });
      const parser = createLogParser({ name });
      const facts = [...parser.push(lines.slice(0, 1).join('\n')), ...parser.push(lines.slice(1).join('\n')), ...parser.flush()];
      expect(facts).toEqual(one.facts);
      expect(parser.stats).toEqual(one.stats);
    }
  });

  it('are numbered on from the number given', () => {
    const [denied = '', failed = ''] = linesOf('wrong-service-account.log').filter((line) => /policy::http|unauthorized/.test(line));
    const parser = createLogParser({ name: 'x' });
    const facts = [...parser.push(`${denied}\n${failed}\n\n${denied}`, 100), ...parser.push(failed), ...parser.push('nonsense')];
    expect(facts.map((fact) => fact.source.line)).toEqual([100, 103]);
    expect(parser.stats).toMatchObject({ lines: 6, parsed: 4, irrelevant: 1, unparsed: 1, samples: [{ line: 105, text: 'nonsense' }] });
  });
});
