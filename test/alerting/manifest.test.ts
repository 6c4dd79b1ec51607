import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { MAX_RULES_BYTES, ruleFile, ruleManifest } from '../../src/alerting/manifest.ts';
import { rulePack } from '../../src/alerting/pack.ts';
import type { RuleGroup } from '../../src/alerting/rule.ts';
import { DEFAULTS } from '../../src/alerting/settings.ts';
import { readTuning } from '../../src/alerting/tuning.ts';
import { written } from '../../src/alerting/written.ts';
import { InvalidInput } from '../../src/errors.ts';

const METADATA = { name: 'denywhy', namespace: 'monitoring', labels: { release: 'yes' } };
const { groups } = rulePack(DEFAULTS);

describe('what is written', () => {
  it('is read back as it was by both dialects of YAML, whatever it holds', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('yes', 'on', '1_000', '0o7', '1:30', '~', '<<', '!!js', '*a', '&a', '- x', '# y', '|', '{{', '2026-01-01'),
    );
    fc.assert(
      fc.property(fc.dictionary(text, fc.oneof(text, fc.integer(), fc.boolean(), fc.array(text))), (value) => {
        const plain = JSON.parse(JSON.stringify(value).toWellFormed());
        for (const version of ['1.1', '1.2'] as const) expect(parse(written(plain), { version })).toEqual(plain);
      }),
    );
  });

  it('has expressions as blocks that a person can read', () => {
    expect(ruleFile(groups)).toContain('expr: |-\n');
    expect(ruleFile(groups)).not.toContain('\\n');
  });

  it('quotes label values that kubectl would take for something else than text', () => {
    expect(ruleManifest(groups, METADATA)).toContain('release: "yes"');
  });
});

describe('512 KiB', () => {
  const group = (bytes: number): RuleGroup => ({
    name: 'g',
    rules: [
      {
        alert: 'A',
        expr: rulePack(DEFAULTS).groups[0]?.rules[0]?.expr ?? ('' as never),
        labels: {},
        annotations: { description: 'x'.repeat(bytes) },
      },
    ],
  });

  it('is the most that the operator takes', () => {
    const spare = MAX_RULES_BYTES - Buffer.byteLength(ruleFile([group(0)]));
    // The empty text takes two quotes, and the long one none.
    expect(Buffer.byteLength(ruleFile([group(spare + 2)]))).toBe(MAX_RULES_BYTES);
    expect(() => ruleFile([group(spare + 3)])).toThrow(InvalidInput);
    expect(() => ruleManifest([group(spare + 3)], METADATA)).toThrow('the operator takes 512 KiB');
  });

  it('is not reached by as many mutes as a tuning file may hold', () => {
    const mutes = Array.from({ length: 100 }, (_, i) => ({ namespace: `namespace-${i}`, server: `server-${i}`, reason: 'test' }));
    const overrides = mutes.map(({ namespace }) => ({ namespace, alerts: ['LinkerdRequestsDenied'], threshold: 3 }));
    const text = ruleFile(rulePack(readTuning({ mutes, overrides }, 'tuning.yaml', DEFAULTS)).groups);
    expect(Buffer.byteLength(text)).toBeLessThan(MAX_RULES_BYTES);
    for (const { namespace, server } of mutes) expect(text).toContain(`{namespace="${namespace}",srv_name="${server}"}`);
    const [one] = text.match(/\{namespace=~"namespace-0\|[^"]*"\}/) ?? [];
    expect(one?.split('|')).toHaveLength(100);
  });
});

const CRD = new URL('../../../shared/schemas/monitoring.coreos.com_prometheusrules.yaml', import.meta.url);
const isThere = existsSync(CRD);

/** The parts of OpenAPI's schema that this CRD uses. */
interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly 'x-kubernetes-int-or-string'?: boolean;
}

function faults(value: unknown, schema: Schema, path: string): readonly string[] {
  if (schema['x-kubernetes-int-or-string'] === true) return typeof value === 'string' ? [] : [`${path}: not text`];
  if (schema.type === 'array')
    return Array.isArray(value) ? value.flatMap((each, i) => faults(each, schema.items ?? {}, `${path}[${i}]`)) : [`${path}: no list`];
  if (schema.type === 'string') {
    if (typeof value !== 'string') return [`${path}: not text`];
    const tooShort = value.length < (schema.minLength ?? 0) ? [`${path}: too short`] : [];
    return new RegExp(schema.pattern ?? '').test(value) ? tooShort : [`${path}: ${value} does not match`];
  }
  if (schema.type !== 'object' || typeof value !== 'object' || value === null) return [`${path}: not as the schema has it`];
  const missing = (schema.required ?? []).filter((key) => !Object.hasOwn(value, key)).map((key) => `${path}.${key}: missing`);
  const inner = Object.entries(value).flatMap(([key, each]) => {
    const own = schema.properties?.[key] ?? schema.additionalProperties;
    return own === undefined ? [`${path}.${key}: unknown`] : faults(each, own, `${path}.${key}`);
  });
  return [...missing, ...inner];
}

describe.skipIf(!isThere)(`the CRD of prometheus-operator ${isThere ? '' : '(../shared/schemas is absent)'}`, () => {
  const spec: Schema = isThere ? parse(readFileSync(CRD, 'utf8')).spec.versions[0].schema.openAPIV3Schema.properties.spec : {};

  it('takes the manifest, without a field that it would drop', () => {
    const full = rulePack({ ...DEFAULTS, interval: 30, queryOffset: 60, version: { major: 3, minor: 0 } });
    expect(faults({ groups: full.groups }, spec, 'spec')).toEqual([]);
  });

  it('would not take other fields or malformed durations', () => {
    expect(faults({ groups: [{ name: 'g', rules: [{ alert: 'A', expr: 'x', fro: '5m' }] }] }, spec, 'spec')).toEqual([
      'spec.groups[0].rules[0].fro: unknown',
    ]);
    expect(faults({ groups: [{ name: 'g', interval: 'soon', rules: [] }] }, spec, 'spec')).toEqual([
      'spec.groups[0].interval: soon does not match',
    ]);
  });
});
