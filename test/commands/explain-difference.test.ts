import { expect, it } from 'vitest';
import { showDifference } from '../../src/commands/explain-difference.ts';
import { createPalette, widthOf } from '../../src/commands/terminal.ts';
import type { Decision } from '../../src/policy/decision.ts';

it.each([
  ['letters', 'a'.repeat(500)],
  ['wide characters', '語'.repeat(300)],
  ['pairs of surrogates', '😀'.repeat(300)],
])('a value of %s and no dot is broken, whole character by whole character, to the width of the terminal', (_name, observed) => {
  const decision = { required: [], observed, note: '' } as Partial<Decision> as Decision;
  const lines = showDifference(decision, 60, createPalette(false));
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(60);
  expect(lines.map((line) => line.replace(/^ {2}client +| +/, '')).join('')).toBe(observed);
});
