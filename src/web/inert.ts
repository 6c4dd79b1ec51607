/** Text of others as it may be shown: React makes no markup of it, and this leaves nothing in it that hides or turns other text. */
const NOT_INERT = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/** Control and invisible characters as escapes. */
export function inert(text: string): string {
  return text.replace(NOT_INERT, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The same with lines kept, for blocks. */
export function inertLines(text: string): string {
  return text.split('\n').map(inert).join('\n');
}

/** Cut to so many characters, and said so. */
export function short(text: string, most: number): string {
  const shown = inert(text);
  return shown.length > most ? `${shown.slice(0, most)}…` : shown;
}
