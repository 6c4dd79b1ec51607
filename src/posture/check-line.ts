/** One answer of `denywhy check`. */

/** `unknown`: what was read does not tell. */
export type CheckMark = 'ok' | 'failed' | 'unknown';

export type CheckSection = 'linkerd' | 'network' | 'seeing denials' | 'alerting' | 'rights' | 'service';

export interface CheckLine {
  readonly section: CheckSection;
  /** Stays the same, for programs. */
  readonly id: string;
  readonly mark: CheckMark;
  readonly text: string;
  /** What to do, one step each; empty where nothing is. */
  readonly remedy: readonly string[];
}

export function line(section: CheckSection, id: string, mark: CheckMark, text: string, ...remedy: readonly string[]): CheckLine {
  return { section, id, mark, text, remedy };
}

/** `3 pods`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** The first few, and how many more. */
export function some(names: readonly string[], most = 4): string {
  return names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}
