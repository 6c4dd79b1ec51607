/** Binary search. */

/** The first number from `low` on for which `holds`, which then holds for all after it too; `high` where it holds for none below it. */
export function firstFrom(low: number, high: number, holds: (at: number) => boolean): number {
  let [from, to] = [low, high];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}
