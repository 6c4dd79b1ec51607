/** When an answer changed, found with few looks at the past. */

/** So many of the last states are looked at one by one: what people try, break and mend again within minutes. */
export const NEAR = 32;

export interface Flip {
  /** The first state that answers as the newest one; the state before it answers otherwise. null: none was seen that answers otherwise. */
  readonly state: number | null;
  /** States that were looked at. */
  readonly looks: number;
}

/**
 * The change that made the answer what it is in state `newest`. States are numbered; `isOther` tells whether one answers otherwise.
 *
 * The rule: the last `NEAR` states before `newest` are looked at one by one, then every step back doubles the distance, until a state answers
 * otherwise or `oldest` is reached. Between that one and the one looked at before it, halving finds a change. So the last change is found wherever
 * there is one among the last `NEAR`, or one only between two looks; an answer that came and went wholly between two looks is not seen.
 * Costs NEAR + 2·log₂(states) looks.
 */
export function lastFlip(oldest: number, newest: number, isOther: (state: number) => boolean): Flip {
  let same = newest;
  let looks = 0;
  for (let back = 1; same > oldest; back += back < NEAR ? 1 : back) {
    const state = Math.max(oldest, newest - back);
    looks++;
    if (isOther(state)) return between(state, same, looks, isOther);
    same = state;
  }
  return { state: null, looks };
}

function between(before: number, after: number, looked: number, isOther: (state: number) => boolean): Flip {
  let [other, same, looks] = [before, after, looked];
  while (same - other > 1) {
    const middle = (same + other) >>> 1;
    looks++;
    if (isOther(middle)) other = middle;
    else same = middle;
  }
  return { state: same, looks };
}
