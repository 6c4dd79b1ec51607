/** The two columns of an explanation: labels on the left, what is said on the right. */
import type { Remedy } from '../remedies/remedy.ts';
import { type Palette, safe, wrap } from './terminal.ts';

/** How lines are made. */
export interface Style {
  readonly columns: number;
  readonly palette: Palette;
  /** The day that needs no date, in UTC. */
  readonly now: number;
  /** The namespace asked about: names in it are said without it. */
  readonly namespace: string | null;
  /** By which number a remedy is asked for alone; absent: by none. */
  readonly numberOf?: (remedy: Remedy) => number | null;
}

/** Width of the left column. */
export const LABEL = 9;

/** Lines under a label of the left column. */
export function section(label: string, lines: readonly string[], { palette }: Style): readonly string[] {
  return lines.map((line, i) => (i === 0 ? `${palette.bold(label.padEnd(LABEL))}${line.slice(LABEL)}` : line));
}

/** A text under a label, wrapped. */
export function paragraph(label: string, text: string, style: Style): readonly string[] {
  return section(label, wrap(safe(text), style.columns, ' '.repeat(LABEL)), style);
}
