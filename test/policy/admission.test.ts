import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { admit } from '../../src/policy/admission.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { checkSchema } from '../../src/policy/schema.ts';

function readLines<T>(path: string): readonly T[] {
  const text = readFileSync(new URL(`../fixtures/${path}`, import.meta.url), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

interface OracleCase {
  readonly id: string;
  readonly object: Resource;
  readonly admitted: boolean;
  readonly message: string;
  readonly schema?: 'ok' | 'rejected';
}

const oracle = readLines<OracleCase>('oracle/admission.jsonl');

/** Texts of serde, `regex` and the number parsers, by how they begin. */
const PARSERS = /^(missing field|unknown variant|data did not match|invalid type|invalid value|invalid length|regex parse error)/;

describe("Linkerd's own webhook and schemas", () => {
  test('there are 185 cases', () => {
    expect(oracle).toHaveLength(185);
  });

  test.each(oracle.map((c) => [c.id, c] as const))('%s', (_, c) => {
    const { admitted, message, ownWords } = admit(c.object);
    expect(admitted).toBe(c.admitted);
    expect(ownWords).toBe(!PARSERS.test(c.message));
    if (ownWords) expect(message).toBe(c.message);
    else expect(message).not.toBe('');
  });

  test.each(oracle.map((c) => [c.id, c] as const))('schema: %s', (_, c) => {
    const result = checkSchema(c.object);
    expect(result === null ? undefined : result.ok ? 'ok' : 'rejected').toBe(c.schema);
    expect(result?.ok ?? true).toBe((result?.faults ?? []).length === 0);
  });
});

interface Answer {
  readonly status: number;
  readonly message: string | null;
}

interface Captured {
  readonly case: string;
  readonly object: Resource;
  readonly strict: Answer;
  readonly warn: Answer & { readonly warnings: readonly string[] };
}

const captured = readLines<Captured>('captures/admission.jsonl');
const DENIED = 'admission webhook "linkerd-policy-validator.linkerd.io" denied the request: ';

describe('a real API server with the real webhook', () => {
  const of = (status: number) => captured.filter((c) => c.warn.status === status).map((c) => [c.case, c] as const);

  test('every entry is compared, but for one object that was there already', () => {
    expect([201, 400, 404, 422].flatMap(of)).toHaveLength(captured.length - 1);
  });

  test.each(of(404))('no schema for a version that is not served: %s', (_, c) => {
    expect(checkSchema(c.object)).toBeNull();
  });

  test.each(of(422))('refused by the schema: %s', (_, c) => {
    expect(checkSchema(c.object)?.ok).toBe(false);
  });

  test.each(of(400))('refused by the webhook: %s', (_, c) => {
    expect(checkSchema(c.object)?.ok).toBe(true);
    const { admitted, message, ownWords } = admit(c.object);
    expect(admitted).toBe(false);
    if (ownWords) expect(`${DENIED}${message}`).toBe(c.warn.message);
    else expect(c.warn.message).toMatch(/missing field|unknown variant|data did not match|regex parse error/);
  });

  test.each(of(201))('stored: %s', (_, c) => {
    expect(admit(c.object)).toEqual({ admitted: true, message: '', ownWords: true });
    expect(checkSchema(c.object)).toMatchObject({ ok: true });
  });

  test.each(captured.filter((c) => c.warn.status !== 404).map((c) => [c.case, c] as const))('unknown fields: %s', (_, c) => {
    const warned = c.warn.warnings.flatMap((w) => /unknown field \\"(.*?)\\"/.exec(w)?.[1] ?? []);
    expect(checkSchema(c.object)?.unknownFields).toEqual(warned);
    if (c.strict.message?.includes('strict decoding error') === true) expect(warned).not.toEqual([]);
  });
});
