import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, containsNetwork, isLocalhost, type Network, parseAddress, parseNetwork, showAddress } from '../../src/policy/network.ts';
import { address, networkText } from './arbitrary.ts';

const LINES = readFileSync(new URL('../fixtures/rust/network.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as { readonly text: string; readonly network: string | null; readonly address: string | null });

function net(text: string): Network {
  return parseNetwork(text) ?? expect.fail(`${text} is no network`);
}
function has(network: string, ip: string): boolean {
  return contains(net(network), parseAddress(ip) ?? expect.fail(`${ip} is no address`));
}

describe("reads what Rust's ipnet reads (facts §4.2, §5.8)", () => {
  it.each(LINES)('$text is $network', ({ text, network }) => {
    expect(parseNetwork(text)?.text ?? null).toBe(network);
  });

  it('and the addresses of the standard library', () => {
    for (const { address: theirs, text } of LINES)
      if (theirs !== null) expect(showAddress(parseAddress(text) ?? expect.fail(text))).toBe(theirs);
  });
});

it.each([
  ['10.42.0.0/24', '10.42.0.255', true],
  ['10.42.0.0/24', '10.42.1.0', false],
  ['10.42.0.200/24', '10.42.0.1', true],
  ['10.42.0.17', '10.42.0.17', true],
  ['10.42.0.17', '10.42.0.18', false],
  ['0.0.0.0/0', '255.255.255.255', true],
  ['0.0.0.0/0', '::1', false],
  ['::/0', '10.0.0.1', false],
  ['::/0', '::ffff:10.0.0.1', true],
  ['10.0.0.0/8', '::ffff:10.0.0.1', false],
  ['fd00::/8', 'fd00:42::17', true],
  ['fd00::/8', 'fe00::1', false],
  ['fd00:42::/33', 'fd00:42:8000::', false],
  ['2001:db8::/127', '2001:db8::1', true],
  ['2001:db8::/127', '2001:db8::2', false],
  ['128.0.0.0/1', '255.0.0.1', true],
])('%s with %s in it: %s (host bits are masked, families are apart)', (network, ip, expected) => {
  expect(has(network, ip)).toBe(expected);
});

it('holds 127.0.0.1 and ::1 for localhost, and nothing else of 127.0.0.0/8', () => {
  const found = ['127.0.0.1', '::1', '127.0.0.2', '::ffff:127.0.0.1', '0.0.0.0', '::'].filter((ip) =>
    isLocalhost(parseAddress(ip) as never),
  );
  expect(found).toEqual(['127.0.0.1', '::1']);
});

describe('properties', () => {
  it('parse ∘ print is the identity on addresses', () => {
    fc.assert(
      fc.property(address, (a) => {
        expect(parseAddress(showAddress(a))).toEqual(a);
      }),
    );
  });

  it('parse ∘ print is the identity on networks', () => {
    fc.assert(
      fc.property(networkText, (text) => {
        const network = net(text);
        expect(parseNetwork(network.text)).toEqual(network);
      }),
    );
  });

  it('a network holds its own address, and every network that it contains holds no other', () => {
    fc.assert(
      fc.property(networkText, networkText, address, (a, b, ip) => {
        const [outer, inner] = [net(a), net(b)];
        expect(contains(outer, outer.address)).toBe(true);
        if (containsNetwork(outer, inner) && contains(inner, ip)) expect(contains(outer, ip)).toBe(true);
      }),
    );
  });
});
