/** What lint calls inadmissible is what a real API server with Linkerd's webhook refused, and the other way round. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lint } from '../../src/lint/lint.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { buildSnapshot } from '../../src/policy/snapshot.ts';

interface Captured {
  readonly case: string;
  readonly object: object;
  /** 201: taken, 409: it would be, were it not there already. */
  readonly strict: { readonly status: number; readonly message: string };
}

const CAPTURED = readFileSync(join(import.meta.dirname, '../fixtures/captures/admission.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Captured);
/** Codes of what is not taken. */
const REFUSED = new Set(['wrong-api-version', 'unknown-field', 'wrong-reference', 'invalid-object']);

describe.each(CAPTURED.map((one) => [one.case, one] as const))('%s', (_, { object, strict }) => {
  it(strict.status === 201 || strict.status === 409 ? 'was taken' : 'was refused', () => {
    const { resources } = readManifests(JSON.stringify(object), 'object.json');
    const snapshot = buildSnapshot(resources, LINKERD_DEFAULTS);
    const found = lint({ resources, snapshot, isWhole: false }, new Map()).filter(({ code }) => REFUSED.has(code));
    expect(found.length > 0, `${strict.message}: ${found.map(({ code, problem }) => `${code} ${problem}`).join('; ')}`).toBe(
      strict.status !== 201 && strict.status !== 409,
    );
  });
});
