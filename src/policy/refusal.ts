/** How admission says no, from deep inside a spec: thrown by the readers and rules of one kind, caught in `admission.ts`, never further. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  /** False: the words are those of a parser that Linkerd uses (serde, regex, duration, number), and stand for the fact of the refusal only. */
  readonly ownWords: boolean;

  constructor(message: string, ownWords: boolean) {
    super(message);
    this.ownWords = ownWords;
  }
}

/** Linkerd's own sentence. */
export function refuse(message: string): never {
  throw new Refusal(message, true);
}

/** A parser's complaint. */
export function cannotParse(message: string): never {
  throw new Refusal(message, false);
}
