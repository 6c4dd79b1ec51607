/** Regular expressions of routes: Rust's `regex` dialect, run by RE2 in linear time. */
import { RE2JS } from 're2js';
import { Refusal } from './refusal.ts';
import { checkRustRegex } from './rust-regex.ts';
import { toRe2 } from './rust-regex-re2.ts';

interface Pattern {
  /** Rust compiles it: else the whole route is ignored. */
  readonly isValid: boolean;
  /** null: RE2 cannot run it (a boundary of words by its side, counts nested beyond RE2's limit). */
  readonly program: RE2JS | null;
}

const compiled = new Map<string, Pattern>();
const MOST = 4096;
const INVALID: Pattern = { isValid: false, program: null };

export function isValidPattern(pattern: string): boolean {
  return compile(pattern).isValid;
}

/** The proxy searches, and the first match it finds must happen to cover the whole text: `/a|/api` does not match `/api`. */
export function coversWhole(pattern: string, text: string): boolean {
  const matcher = compile(pattern).program?.matcher(text);
  return matcher?.find() === true && matcher.start() === 0 && matcher.end() === text.length;
}

function compile(pattern: string): Pattern {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const made = isValidInRust(pattern) ? { isValid: true, program: programOf(pattern) } : INVALID;
  if (compiled.size >= MOST) compiled.clear();
  compiled.set(pattern, made);
  return made;
}

function isValidInRust(pattern: string): boolean {
  try {
    checkRustRegex(pattern);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

function programOf(pattern: string): RE2JS | null {
  const inRe2 = toRe2(pattern);
  if (inRe2 === null) return null;
  try {
    return RE2JS.compile(inRe2);
  } catch {
    return null;
  }
}
