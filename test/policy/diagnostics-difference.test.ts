import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kindOfDiagnostics, policyDifferences } from '../../src/policy/diagnostics-difference.ts';
import { inOrder, type Json, parseDiagnostics } from '../../src/policy/diagnostics-policy.ts';
import { alterations } from '../oracle/alterations.ts';

const SITUATIONS = join(import.meta.dirname, '..', 'fixtures', 'captures', 'situations');
const POLICIES = readdirSync(SITUATIONS).map((name) => {
  const text = readFileSync(join(SITUATIONS, name, 'diagnostics-policy.json'), 'utf8');
  return [name, parseDiagnostics(text)] as const;
});

describe.each(POLICIES)('the policy of %s', (_, policy) => {
  it('is inbound, and the same as itself in any order of its authorizations', () => {
    expect(kindOfDiagnostics(policy)).toBe('inbound');
    expect(policyDifferences(policy, reversed(policy))).toEqual([]);
  });

  it('differs from itself with any leaf altered, left out or added', () => {
    const same = JSON.stringify(inOrder(policy));
    for (const other of alterations(policy)) {
      if (typeof other !== 'object' || other === null || Array.isArray(other) || JSON.stringify(inOrder(other)) === same) continue;
      const found = policyDifferences(policy, other);
      if (found.length === 0) expect.fail(`not noticed: ${JSON.stringify(other)}`);
      for (const { declared, enforced } of found) expect(declared).not.toBe(enforced);
    }
  });
});

function reversed(policy: Json): Json {
  const { authorizations = [], ...rest } = policy as { readonly [key: string]: Json };
  return { ...rest, authorizations: Array.isArray(authorizations) ? authorizations.toReversed() : authorizations };
}

it('numbers beyond 2^53 are the same in JSON and YAML', () => {
  const yaml =
    'protocol: {Kind: {Opaque: {}}}\nlabels: {name: x}\nauthorizations: [{networks: [{net: {ip: {Ip: {Ipv6: {first: 18230571291595767808}}}, prefix_len: 8}}]}]\n';
  const json =
    '{"protocol": {"Kind": {"Opaque": {}}}, "labels": {"name": "x"}, "authorizations": [{"networks": [{"net": {"ip": {"Ip": {"Ipv6": {"first": 18230571291595767808}}}, "prefix_len": 8}}]}]}';
  expect(parseDiagnostics(yaml)).toEqual(parseDiagnostics(json));
  const other = json.replace('767808', '767809');
  expect(policyDifferences(parseDiagnostics(json), parseDiagnostics(other))).toHaveLength(1);
});
