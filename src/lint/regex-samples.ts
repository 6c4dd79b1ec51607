/** Texts that a regular expression of a route takes by what people read in it: each alternative, each repetition once and several times. */

const MOST = 64;
/** What a class or an escape stands for; others are passed over. */
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['d', '1'],
  ['w', 'a'],
  ['s', ' '],
  ['D', 'a'],
  ['S', 'a'],
  ['W', '-'],
]);

/** Empty where the expression uses more than literals, classes, groups, alternatives and repetitions. Some of them may not fit: ask. */
export function samplesOf(pattern: string): readonly string[] {
  if (pattern.length > 500) return [];
  try {
    const reader = new Reader(pattern);
    const samples = reader.alternatives(0);
    return reader.isAtEnd() ? samples : [];
  } catch {
    return [];
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  alternatives(depth: number): readonly string[] {
    if (depth > 20) throw new Error('too deep');
    const all = [...this.#sequence(depth)];
    while (this.#text[this.#at] === '|') {
      this.#at++;
      all.push(...this.#sequence(depth));
    }
    return [...new Set(all)].slice(0, MOST);
  }

  #sequence(depth: number): readonly string[] {
    let samples: readonly string[] = [''];
    while (!this.isAtEnd() && !'|)'.includes(this.#text[this.#at] ?? '')) {
      const atom = this.#atom(depth);
      const repeated = this.#repeated(atom);
      samples = samples.flatMap((before) => repeated.map((own) => before + own)).slice(0, MOST);
    }
    return samples;
  }

  #atom(depth: number): readonly string[] {
    const first = this.#text[this.#at++] ?? '';
    if (first === '^' || first === '$') return [''];
    if (first === '.') return ['a'];
    if (first === '(') {
      if (this.#text.startsWith('?:', this.#at)) this.#at += 2;
      else if (this.#text[this.#at] === '?') throw new Error('a group with flags or a name');
      const inner = this.alternatives(depth + 1);
      if (this.#text[this.#at++] !== ')') throw new Error('no end of the group');
      return inner;
    }
    if (first === '[') return [this.#ofClass()];
    if (first === '\\') {
      const escaped = this.#text[this.#at++] ?? '';
      if (/[a-zA-Z0-9]/.test(escaped) && !ESCAPES.has(escaped)) throw new Error('an escape of its own');
      return [ESCAPES.get(escaped) ?? escaped];
    }
    if ('*+?{'.includes(first)) throw new Error('nothing to repeat');
    return [first];
  }

  #ofClass(): string {
    const end = this.#text.indexOf(']', this.#at + 1);
    const body = end < 0 ? '' : this.#text.slice(this.#at, end);
    if (body === '' || /[[\\]/.test(body)) throw new Error('a class of its own');
    this.#at = end + 1;
    if (!body.startsWith('^')) return body.charAt(0);
    return ['a', '1', '-', '_'].find((one) => !new Set(body).has(one)) ?? '~';
  }

  #repeated(atom: readonly string[]): readonly string[] {
    const [quantifier = ''] = /^(?:[*+?]|\{\d{1,3}(?:,\d{0,3})?\})\??/.exec(this.#text.slice(this.#at, this.#at + 16)) ?? [];
    this.#at += quantifier.length;
    if (quantifier === '') return atom;
    const counts = countsOf(quantifier);
    return counts.flatMap((count) => atom.map((one) => one.repeat(count)));
  }
}

function countsOf(quantifier: string): readonly number[] {
  if (quantifier.startsWith('*')) return [3, 0];
  if (quantifier.startsWith('+')) return [3, 1];
  if (quantifier.startsWith('?')) return [1, 0];
  const [least = 0, most = least] = (quantifier.match(/\d+/g) ?? []).map(Number);
  return [...new Set([quantifier.includes(',') && !/,\d/.test(quantifier) ? least + 2 : most, least])].map((count) => Math.min(count, 50));
}
