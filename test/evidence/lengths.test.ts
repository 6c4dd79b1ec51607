import { describe, expect, it } from 'vitest';
import { MAX_IDENTITY, MAX_NAME } from '../../src/evidence/lengths.ts';
import { readClientTls } from '../../src/evidence/log-tls.ts';
import { clientTlsOf, serverOf } from '../../src/evidence/metrics-labels.ts';
import { linesOf, readLines } from './log-corpus.ts';

const established = (id: string) => `Some(Established { client_id: Some(ClientId(Dns(Name("${id}")))), negotiated_protocol: None })`;
const [DENIED = ''] = linesOf('wrong-service-account.log').filter((line) => line.includes('Request denied'));

describe('what no proxy can have written is not kept', () => {
  it('an identity, in a line and on a counter', () => {
    const longest = 'a'.repeat(MAX_IDENTITY);
    expect(readClientTls(established(longest))).toMatchObject({ clientId: longest });
    expect(readClientTls(established('a'.repeat(2 * MAX_IDENTITY)))).toBeNull();
    const labels = (id: string) =>
      new Map([
        ['tls', 'true'],
        ['client_id', id],
      ] as const);
    expect(clientTlsOf(labels(longest))).toMatchObject({ clientId: longest });
    expect(clientTlsOf(labels(`${longest}a`))).toBeNull();
  });

  it('the name of a Server, in a line and on a counter', () => {
    const named = (length: number) => DENIED.replace(/server\.name=\S+/, `server.name=${'a'.repeat(length)}`);
    expect(readLines([named(MAX_NAME)]).stats).toMatchObject({ parsed: 1, unparsed: 0 });
    expect(readLines([named(MAX_NAME + 1)]).stats).toMatchObject({ parsed: 0, unparsed: 1 });
    expect(
      serverOf(
        new Map([
          ['srv_kind', 'server'],
          ['srv_name', 'a'.repeat(MAX_NAME + 1)],
        ]),
      ),
    ).toBeNull();
  });

  it('the parts of lines that never end, of all containers together', () => {
    const part = 'x'.repeat(900_000);
    const lines = Array.from({ length: 30 }, (_, i) => `[pod/p${i}/linkerd-proxy] 2026-11-23T09:04:36.372482263Z stdout P ${part}`);
    const { stats } = readLines(lines);
    expect(stats).toMatchObject({ lines: 30, unparsed: 30 });
    expect(stats.oversized).toBeGreaterThan(10);
  });
});
