/** Where a fault in someone's input was found. Every part may be unknown. */
export interface Place {
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  /** 1-based. */
  readonly column?: number;
}

/**
 * The input is wrong: a bad flag, a malformed file, an ambiguous question. Exit code 2, HTTP 400.
 * `message` says what is wrong, `place` where, `remedy` what to do next (may hold several lines).
 */
export class InvalidInput extends Error {
  override readonly name = 'InvalidInput';
  readonly place: Place | null;
  readonly remedy: string;

  constructor(message: string, remedy: string, place: Place | null = null) {
    super(message);
    this.place = place;
    this.remedy = remedy;
  }
}

/** Something outside is absent or refuses for now: retry later. Exit code 3, HTTP 503. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}
