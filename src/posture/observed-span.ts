/** Over what time traffic was seen, and what that is worth. */
import { showInstant } from '../policy/time.ts';
import type { Observed } from './practice.ts';
import { showSpan, WEEK } from './wording.ts';

/** `lacking` null: it was watched for a week. */
export function spanOf({ first, last }: Pick<Observed, 'first' | 'last'>): { readonly text: string; readonly lacking: string | null } {
  if (first === null || last === null)
    return { text: 'in recorded traffic without times', lacking: 'the times of the traffic: counters of Prometheus have them' };
  const text = `from ${showInstant(first)} to ${showInstant(last)}`;
  if (last - first >= WEEK) return { text, lacking: null };
  return { text, lacking: `a week of traffic: ${showSpan(last - first)} were seen, and what comes more rarely was not` };
}
