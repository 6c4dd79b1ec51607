import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPalette, cut, pad, safe, wantsColor, widthOf, wrap } from '../../src/commands/terminal.ts';

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string());
const words = fc
  .array(fc.oneof(fc.constantFrom('a', '漢字', 'é', 'e\u0301', 'identity', '', '🙂'), fc.string()))
  .map((parts) => safe(parts.join(' ')));

describe('safe', () => {
  test.each([
    ['an escape sequence', '\u001b[31mred\u001b[0m', '\\u001b[31mred\\u001b[0m'],
    ['a C1 control sequence introducer', 'a\u009b31m', 'a\\u009b31m'],
    ['a title set by OSC 8', '\u001b]8;;http://x\u0007link', '\\u001b]8;;http://x\\u0007link'],
    ['line breaks and tabs', 'a\r\nb\tc', 'a\\r\\nb\\tc'],
    ['a right-to-left override', 'sa/\u202enimda', 'sa/\\u202enimda'],
    ['bidirectional isolates', '\u2066x\u2069', '\\u2066x\\u2069'],
    ['zero-width characters', 'fr\u200bont\u200dend\ufeff', 'fr\\u200bont\\u200dend\\ufeff'],
    ['a soft hyphen', 'front\u00adend', 'front\\u00adend'],
    ['invisible letters', 'a\u3164b\u115fc', 'a\\u3164b\\u115fc'],
    ['line and paragraph separators', 'a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
    ['tag characters', 'a\u{e0041}', 'a\\u{e0041}'],
    ['a lone surrogate', 'a\ud800b', 'a\\ud800b'],
    ['DEL', '\u007f', '\\u007f'],
  ])('shows %s', (_name, text, shown) => {
    expect(safe(text)).toBe(shown);
  });

  test.each(['frontend.production.serviceaccount.identity.linkerd.cluster.local', 'spiffe://mesh.example/ä/漢字', 'a\\u001b'])(
    'leaves %j alone',
    (text) => {
      expect(safe(text)).toBe(text);
    },
  );

  test('leaves nothing that a terminal obeys, whatever comes in', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = safe(text);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        expect(safe(shown)).toBe(shown);
      }),
    );
  });
});

describe('width, cut and pad', () => {
  test.each([
    ['ascii', 5],
    ['漢字', 4],
    ['한국', 4],
    ['ｆｕｌｌ', 8],
    ['e\u0301', 1],
    ['🙂', 2],
    ['…', 1],
    ['✓ ✗', 3],
  ])('%s takes %i columns', (text, columns) => {
    expect(widthOf(text)).toBe(columns);
  });

  test.each([
    ['frontend', 8, 'frontend'],
    ['frontend', 5, 'fron…'],
    ['漢字漢字', 5, '漢字…'],
    ['漢字漢字', 4, '漢…'],
    ['漢字', 1, '…'],
    ['x', 0, ''],
  ])('%s cut to %i columns is %s', (text, width, shown) => {
    expect(cut(text, width)).toBe(shown);
  });

  test('cut never exceeds the width and pad fills it exactly', () => {
    fc.assert(
      fc.property(words, fc.nat(40), (text, width) => {
        expect(widthOf(cut(text, width))).toBeLessThanOrEqual(width);
        expect(widthOf(pad(text, width))).toBe(width);
      }),
    );
  });
});

describe('wrap', () => {
  test('breaks at spaces and indents what follows', () => {
    expect(wrap('egress only to 4140, and 4143 is what goes over the wire', 30, '      ', '  ✗ ')).toEqual([
      '  ✗ egress only to 4140, and',
      '      4143 is what goes over',
      '      the wire',
    ]);
  });

  test('breaks a word that is longer than a line', () => {
    expect(wrap('to frontend.prod.serviceaccount', 12, '  ')).toEqual(['  to', '  frontend.p', '  rod.servic', '  eaccount']);
  });

  test('an empty text is one empty line', () => {
    expect(wrap('', 10, '  ')).toEqual(['']);
  });

  test('loses no character but spaces, and exceeds the width only by a single character that does not fit', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 6 }), (text, width, indent) => {
        const lines = wrap(text, width, ' '.repeat(indent));
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
        for (const line of lines) {
          const content = line.slice(indent);
          if (widthOf(line) > width) expect([...content].filter((character) => widthOf(character) > 0).length).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('takes a word of a megabyte in linear time', () => {
    const lines = wrap('x'.repeat(1_000_000), 80);
    expect(lines).toHaveLength(12_500);
  });
});

describe('colour', () => {
  test.each([
    ['a terminal', true, {}, true],
    ['no terminal', false, {}, false],
    ['a dumb terminal', true, { TERM: 'dumb' }, false],
    ['NO_COLOR', true, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', true, { NO_COLOR: '' }, true],
    ['FORCE_COLOR without a terminal', false, { FORCE_COLOR: '1' }, true],
    ['FORCE_COLOR over NO_COLOR', false, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    ['FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, false],
  ])('%s', (_name, isTTY, env, expected) => {
    expect(wantsColor(isTTY, env)).toBe(expected);
  });

  test('off, it changes nothing; on, it only adds escape sequences', () => {
    const [off, on] = [createPalette(false), createPalette(true)];
    for (const name of ['bold', 'dim', 'red', 'green', 'yellow'] as const) {
      expect(off[name]('DENIED')).toBe('DENIED');
      expect(on[name]('DENIED')).not.toBe('DENIED');
      expect(stripVTControlCharacters(on[name]('DENIED'))).toBe('DENIED');
      expect(on[name]('')).toBe('');
    }
  });
});
