import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Denial } from '../../src/evidence/facts.ts';
import { readEvent } from '../../src/evidence/log-dispatch.ts';
import { isObject, readJsonEvent, readPlainEvent } from '../../src/evidence/log-event.ts';
import { createStormReader } from '../../src/evidence/log-storm.ts';
import { essence, LOGS, linesOf, readLines } from './log-corpus.ts';

const HEAD = '[     1.000000s]  INFO ThreadId(01) ';
const DENIED = `${HEAD}inbound:server{port=8080}: linkerd_app_inbound::policy::http: Request denied`;
const FIELDS = 'server.group=policy.linkerd.io server.kind=server server.name=web route.group= route.kind=default route.name=default';

describe('reworded events of policy and error targets are unparsed, never irrelevant', () => {
  it.each([
    `${HEAD}inbound:server{port=8080}: linkerd_app_inbound::policy::http: Request was denied ${FIELDS} client.tls=None(NoClientHello) client.ip=10.0.0.1`,
    `${HEAD}inbound:server{port=8080}: linkerd_app_inbound::policy::http: Refused request ${FIELDS} client.tls=None(NoClientHello) client.ip=10.0.0.1`,
    `${DENIED} by policy ${FIELDS} client.tls=None(NoClientHello) client.ip=10.0.0.1`,
    `${DENIED} ${FIELDS} client.tls=None(NoClientHello)`,
    `${DENIED} ${FIELDS} client.tls=None(NoClientHello) client.ip=10.0.0.1 more=1 text`,
    `${HEAD}inbound:server{port=5432}: linkerd_app_inbound::policy::tcp: Connection refused server.group= server.kind=default server.name=deny tls=None(PortSkipped) client=10.0.0.1:1`,
    `${HEAD}inbound:server{port=8080}:rescue{client.addr=10.0.0.1:1}: linkerd_app_core::errors::respond: HTTP/1.1 request rejected error=unauthorized request on route`,
    `${HEAD}inbound: linkerd_app_core::serve: Connection aborted error=unauthorized connection on server/pg client.addr=10.0.0.1:1`,
    `${HEAD}watch{port=80}: linkerd_app_inbound::policy::api: Server unusable error=x`,
    `${HEAD}outbound:proxy{addr=10.0.0.1:80}: linkerd_reconnect: Could not connect error=x`,
    `${HEAD}outbound:proxy{addr=10.0.0.1:80}: linkerd_app_outbound::http::handle_proxy_error_headers: Remote error error="x"`,
    `${HEAD}inbound: some_new_crate::module: Something happened`,
    `${HEAD}linkerd_app: Certified identity revoked for all`,
    '[     1.000000s] DEBUG ThreadId(01) inbound: linkerd_app_inbound::policy::http: Denying request',
    '{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","fields":{"message":"Request was denied","client.ip":"10.0.0.1"},"target":"linkerd_app_inbound::policy::http"}',
    '{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","fields":{"message":"Request denied"},"target":"linkerd_app_inbound::policy::http"}',
    '{"hello":"world"}',
    '{"level":"INFO"',
    'time="2026-01-01" level=info msg=hello',
  ])('%s', (line) => {
    expect(readLines([line])).toMatchObject({ facts: [], stats: { parsed: 0, irrelevant: 0, unparsed: 1 } });
  });
});

describe('hostile values cannot pass for other fields', () => {
  const ids = [
    'x")))), negotiated_protocol: None }) client.ip=6.6.6.6',
    'x client.ip=6.6.6.6',
    'x\nclient.ip=6.6.6.6\r\n',
    'x\u001b[2K\u001b[1G',
    '__proto__',
    'x server.name=other route.name=other',
  ];
  const quoted = (text: string) => JSON.stringify(text).replace(/\\u([0-9a-f]{4})/g, (_, hex: string) => `\\u{${hex.replace(/^0+/, '')}}`);

  it.each(ids)('an identity or SNI %j', (id) => {
    const tls = [
      [
        `Some(Established { client_id: Some(ClientId(Dns(Name(${quoted(id)})))), negotiated_protocol: None })`,
        { state: 'established', clientId: id },
      ],
      [`Some(Passthru { sni: ServerName(Name(${quoted(id)})) })`, { state: 'passthru', sni: id }],
    ] as const;
    for (const [text, expected] of tls) {
      const json = {
        timestamp: '[     1.000000s]',
        level: 'INFO',
        fields: { message: 'Request denied', ...parseFields(FIELDS), 'client.tls': text, 'client.ip': '10.0.0.1' },
        target: 'linkerd_app_inbound::policy::http',
        spans: [{ name: 'inbound' }, { port: 8080, name: 'server' }],
        threadId: 'ThreadId(1)',
      };
      const plain = `${DENIED} ${FIELDS} client.tls=${text} client.ip=10.0.0.1`;
      for (const line of [plain, JSON.stringify(json)]) {
        const [fact] = readLines([line]).facts as Denial[];
        expect(fact).toMatchObject({
          client: { ip: '10.0.0.1', tls: expected },
          server: { name: 'web' },
          route: { name: 'default' },
          port: 8080,
        });
      }
    }
  });

  it('a path', () => {
    const line = (path: string) =>
      `${HEAD}inbound:server{port=8080}:rescue{client.addr=10.0.0.1:1}: linkerd_app_core::errors::respond: HTTP/1.1 request failed error=client 10.0.0.1:1: server: 10.0.0.2:8080: unauthorized request on route error.sources=[unauthorized request on route] path=${path}`;
    const pathOf = (path: string) => (readLines([line(path)]).facts[0] as Denial | undefined)?.request?.path;
    expect(pathOf('"/a\\" path=\\"/b"')).toBe('/a" path="/b');
    expect(pathOf('"/\\u{1b}[2K"')).toBe('/\u001b[2K');
    expect(pathOf('"/a" "')).toBeUndefined();
  });

  it('JSON keys of JavaScript’s own', () => {
    const line = `{"__proto__":{"level":"INFO"},"constructor":1,"timestamp":"2026-01-01T00:00:00Z","level":"INFO","fields":{"message":"Request denied","__proto__":{"client.ip":"10.0.0.1"}},"target":"linkerd_app_inbound::policy::http"}`;
    expect(readLines([line])).toMatchObject({ facts: [], stats: { unparsed: 1 } });
    expect(Object.hasOwn(Object.prototype, 'level')).toBe(false);
  });

  function parseFields(text: string): Record<string, string> {
    return Object.fromEntries(text.split(' ').map((pair) => pair.split('=') as [string, string]));
  }
});

const CORPUS = LOGS.flatMap(linesOf);
const PIECES = [
  '[pod/a/linkerd-proxy] ',
  '[     1.000000s] ',
  ' INFO ThreadId(01) ',
  'inbound:server{port=80}',
  ': ',
  '{',
  '}',
  '"',
  '\\',
  '\u001b[',
  ' client.ip=',
  'Request denied',
  'linkerd_app_inbound::policy::http',
  '2026-01-01T00:00:00Z ',
  'stdout P ',
  '{"log":"',
  '::ffff:',
  '\ufeff',
  '\uffff',
  '\0',
  '\ud800',
];

/** Real lines, cut, joined and altered. */
const altered = fc
  .tuple(
    fc.constantFrom(...CORPUS),
    fc.nat(),
    fc.nat(30),
    fc.oneof(fc.constantFrom(...PIECES), fc.string(), fc.constantFrom('0', '9', ' ', '=', ':', '.')),
  )
  .map(([line, at, length, text]) => line.slice(0, at % (line.length + 1)) + text + line.slice((at % (line.length + 1)) + length));

describe('any text', () => {
  it('is read without throwing, and every line is counted once', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom(...PIECES)).map((p) => p.join('')),
      fc.json(),
      altered,
    );
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 20 }), (lines) => {
        const { stats } = readLines(lines);
        expect(stats.parsed + stats.irrelevant + stats.unparsed).toBe(stats.lines);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['brackets', `${HEAD}${'{'.repeat(500_000)}`],
    ['colons', `${HEAD}${': '.repeat(250_000)}`],
    ['words', 'a '.repeat(250_000)],
    ['quotes', `${HEAD}outbound:${'"client '.repeat(70_000)}`],
    ['spans', `${HEAD}${'a{b=c}:'.repeat(70_000)} linkerd_app_inbound::policy::http: Request denied`],
    ['fields', `${DENIED} ${'server.group=a '.repeat(40_000)}`],
    ['escapes', `${DENIED} ${FIELDS} client.tls=Some(Passthru { sni: ServerName(Name("${'\\u{'.repeat(150_000)} client.ip=10.0.0.1`],
    ['nested JSON', `{"a":${'['.repeat(200_000)}`],
    ['colours', '\u001b['.repeat(250_000)],
    ['labels', `2026-01-01T00:00:00Z {${'a="b",'.repeat(80_000)}} x`],
  ])('of a megabyte of %s takes no time to speak of', (_name, line) => {
    const start = performance.now();
    readLines([line]);
    expect(performance.now() - start).toBeLessThan(1500);
  });
});

describe('the reader for storms', () => {
  const content = (line: string) => /^(?:\S+Z )?((?:\[|\{"timestamp")[\s\S]*)$/.exec(line)?.[1];
  const readJson = (line: string) => {
    try {
      const object: unknown = JSON.parse(line);
      return isObject(object) ? readJsonEvent(object, line) : null;
    } catch {
      return null;
    }
  };
  const read = (line: string) => {
    const event = line.startsWith('{') ? readJson(line) : readPlainEvent(line, 0);
    return event === null ? null : readEvent(event);
  };
  const DENIED_ON = 'INFO ThreadId(01) inbound:server{port=8080}: linkerd_app_inbound::policy';
  const FAILED = 'linkerd_app_core::errors::respond: HTTP/1.1 request failed error=client 10.0.0.1:9: server:';
  const UNAUTHORIZED = 'unauthorized request on route error.sources=[unauthorized request on route]';
  const json = (port: string, addr: string, at = '2026-11-23T09:04:47.106846Z') =>
    `{"timestamp":"${at}","level":"INFO","fields":{"message":"HTTP/1.1 request failed","error":"client 10.0.0.1:9: server: 10.0.0.2:8080: unauthorized request on route"},"target":"linkerd_app_core::errors::respond","spans":[{"name":"inbound"},{"port":${port},"name":"server"},{${addr}:"10.0.0.1:9","name":"rescue"}],"threadId":"ThreadId(1)"}`;

  it.each([
    ['an uptime with a bracket in it', '[     1.0]0002s]  INFO ThreadId(01) linkerd2_proxy: Tap DISABLED'],
    ['an uptime of nothing', '[s]  INFO ThreadId(01) linkerd2_proxy: Tap DISABLED'],
    [
      'the field of another release',
      `[     1.000002s]  ${DENIED_ON}::authorize::tcp: Connection denied server=pg tls=None(NoClientHello) client.ip=10.0.0.1:9`,
    ],
    [
      'a port that is none, in a span',
      `[     1.000002s]  INFO ThreadId(01) inbound:server{port=80890}:rescue{client.addr=10.0.0.1:9}: ${FAILED} 10.0.0.2:8080: ${UNAUTHORIZED}`,
    ],
    [
      'an address that is none',
      `[     1.000002s]  INFO ThreadId(01) inbound:server{port=4143}:rescue{client.addr=10.0.0.1:9}: ${FAILED} 1:143: ${UNAUTHORIZED}`,
    ],
    ['JSON with a number that is none', json('0080', '"client.addr"')],
    ['JSON with a quote for a dot', json('8080', '"client"addr"')],
    ['JSON with a quote in its time', json('8080', '"client.addr"', '2026-11-23T09:04:47.106"46Z')],
  ])('reads no more into %s', (_name, line) => {
    const storm = createStormReader();
    for (const known of CORPUS.map(content)) if (known !== undefined) storm.learn(known, read(known));
    storm.learn(
      `[     1.000001s]  ${DENIED_ON}::authorize::tcp: Connection denied server=pg tls=None(NoClientHello) client=10.0.0.1:9`,
      read(`[     1.000001s]  ${DENIED_ON}::authorize::tcp: Connection denied server=pg tls=None(NoClientHello) client=10.0.0.1:9`),
    );
    storm.read(json('8080', '"client.addr"'), 0, json('8080', '"client.addr"').length);
    const outcome = storm.read(line, 0, line.length);
    if (outcome !== undefined) expect(outcome).toEqual(read(line));
  });

  it('says what the general reader says, of every real line and of altered ones', () => {
    const storm = createStormReader();
    const plain = CORPUS.map(content).filter((line) => line !== undefined);
    for (const line of plain) storm.learn(line, read(line));
    const known = plain.filter((line) => storm.read(line, 0, line.length) !== undefined);
    for (const line of known) expect(storm.read(line, 0, line.length)).toEqual(read(line));
    expect(known.length).toBeGreaterThan(plain.length / 3);
    fc.assert(
      fc.property(altered, (text) => {
        const line = content(text);
        const outcome = line === undefined ? undefined : storm.read(line, 0, line.length);
        if (line !== undefined && outcome !== undefined) expect(outcome).toEqual(read(line));
      }),
      { numRuns: 5000 },
    );
  });

  it('gives the facts of the general path, line for line', () => {
    const lines = linesOf('wrong-service-account.log').filter((line) => line.includes('policy::http') || line.includes('respond'));
    const times = (n: number) => Array.from({ length: n }, () => lines).flat();
    const seen = (n: number) => readLines(times(n)).facts.map((fact) => JSON.stringify(essence(fact)));
    const once = seen(1);
    expect(once.length).toBeGreaterThan(1);
    expect(seen(20)).toEqual(Array.from({ length: 20 }, () => once).flat());
  });
});
