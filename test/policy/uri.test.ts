import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formOf, hostOf, isPathAndQuery, pathOf, pathOfUri, portOf, queryOf } from '../../src/policy/uri.ts';

interface Line {
  readonly uri?: string;
  readonly path?: string | null;
  readonly query?: string | null;
  readonly authority?: string;
  readonly host?: string;
  readonly port?: number | null;
  readonly form?: string;
  readonly pairs?: readonly (readonly [string, string])[];
}

const LINES = readFileSync(new URL('../fixtures/rust/uri.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Line);

describe("agrees with Rust's crates http and url", () => {
  it.each(LINES.flatMap(({ uri, path }) => (uri === undefined ? [] : [[uri, path]])))('on the path of %j: %j', (uri, path) => {
    expect(pathOfUri(uri as string)).toBe(path);
  });

  it('on path and query of what begins with a slash', () => {
    for (const { uri, path, query } of LINES) {
      if (!uri?.startsWith('/')) continue;
      expect([uri, isPathAndQuery(uri) ? [pathOf(uri), queryOf(uri)] : null]).toEqual([uri, path === null ? null : [path, query]]);
    }
  });

  it.each(LINES.filter((l) => l.authority !== undefined))('on host and port of $authority', ({ authority, host, port }) => {
    expect({ host: hostOf(authority ?? ''), port: portOf(authority ?? '') }).toEqual({ host, port });
  });

  it.each(LINES.filter((l) => l.form !== undefined))('on the form $form', ({ form, pairs }) => {
    expect([...formOf(form ?? '')]).toEqual(pairs);
  });
});

it('takes an empty path for the root', () => {
  expect([pathOf(''), pathOf('?a'), pathOf('#a')]).toEqual(['/', '/', '/']);
});
