/** Regular expressions of HTTPRoutes: Rust's `regex` dialect, run by RE2 in linear time. */
import { RE2JS } from 're2js';

const compiled = new Map<string, RE2JS | null>();
const MOST = 4096;

/** null when the pattern does not compile. */
export function compilePattern(pattern: string): RE2JS | null {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  let re: RE2JS | null = null;
  try {
    re = RE2JS.compile(pattern);
  } catch {
    re = null;
  }
  if (compiled.size >= MOST) compiled.clear();
  compiled.set(pattern, re);
  return re;
}

/** The proxy searches, and the first match it finds must happen to cover the whole text: `/a|/api` does not match `/api`. */
export function coversWhole(pattern: string, text: string): boolean {
  const re = compilePattern(pattern);
  if (re === null) return false;
  const matcher = re.matcher(text);
  return matcher.find() && matcher.start() === 0 && matcher.end() === text.length;
}
