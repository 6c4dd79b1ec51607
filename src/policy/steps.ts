/** Long work in steps: it yields after each, so that whoever runs it can do something else in between. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** All steps without a pause. */
export function atOnce<T>(steps: Steps<T>): T {
  let next = steps.next();
  while (next.done !== true) next = steps.next();
  return next.value;
}
