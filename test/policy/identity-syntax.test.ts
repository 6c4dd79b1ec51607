import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { identityFault } from '../../src/policy/identity-syntax.ts';

const NO_IDENTITY = /^identity must be a valid SPIFFE id or a DNS SAN, matching the regex: \^/;

describe('identityFault', () => {
  test.each([
    '*',
    'a',
    '*.a',
    '0.1',
    'a-b.c--d',
    'web.shop.serviceaccount.identity.linkerd.cluster.local',
    'spiffe://td',
    'spiffe://a_b.c-d/E/f_g/h.1/...',
  ])('%s may be listed', (id) => {
    expect(identityFault(id)).toBeNull();
  });

  test.each([
    '',
    '.',
    'a.',
    'a..b',
    '-a',
    'a-',
    'a.-b',
    '*a',
    'a.*',
    '*.*',
    'A',
    'a_b',
    'a b',
    'a\n',
    'http://a/b',
    'spiffe:/a',
    'SPIFFE://a/b',
  ])('%j is no identity', (id) => {
    expect(identityFault(id)).toMatch(NO_IDENTITY);
  });

  test.each([
    ['spiffe://', 'SPIFFE trust domain is missing'],
    ['spiffe:///a', 'SPIFFE trust domain is missing'],
    ['spiffe://Td/a', 'SPIFFE trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores'],
    ['spiffe://td/', 'SPIFFE path cannot have a trailing slash'],
    ['spiffe://td//', 'SPIFFE path cannot contain empty segments'],
    ['spiffe://td/a/./b', 'SPIFFE path cannot contain dot segments'],
    ['spiffe://td/..', 'SPIFFE path cannot contain dot segments'],
    ['spiffe://td//a%', 'SPIFFE path cannot contain empty segments'],
    ['spiffe://td/a%//', 'SPIFFE path segment characters are limited to letters, numbers, dots, dashes, and underscores'],
    ['spiffe://td/a#b', 'SPIFFE path segment characters are limited to letters, numbers, dots, dashes, and underscores'],
  ])('%s: %s', (id, fault) => {
    expect(identityFault(id)).toBe(fault);
  });

  test('names made of good labels are good, and stay so behind a star', () => {
    const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?$/);
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 6 }), (labels) => {
        expect(identityFault(labels.join('.'))).toBeNull();
        expect(identityFault(['*', ...labels].join('.'))).toBeNull();
        expect(identityFault([...labels, '*'].join('.'))).toMatch(NO_IDENTITY);
      }),
    );
  });
});
