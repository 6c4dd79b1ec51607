/** Which of several answers stands for all. */
import type { RemedyVerdict, WayOut } from './remedy.ts';

/** What can be done comes before what cannot. */
const ORDER: readonly RemedyVerdict[] = ['fix', 'decide', 'do-not-allow', 'needs-evidence', 'nothing-to-do'];

/** The one that asks most of a person, the first of those; null: there is none. */
export function foremost<T extends { readonly verdict: RemedyVerdict }>(answers: readonly T[]): T | null {
  return answers.toSorted((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict))[0] ?? null;
}

/** The title of the first remedy, else the first reason; null: there is neither. */
export function titleOf({ remedies, reasons }: WayOut): string | null {
  return remedies[0]?.title ?? reasons[0] ?? null;
}
