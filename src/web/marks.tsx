/** Small drawings. They say nothing alone: a word stands beside each, or in its label. */
import type { ReactNode } from 'react';
import type { Verdict } from './explanation.ts';
import { VERDICTS } from './words.ts';

const PATHS = {
  cross: 'M6 6l12 12M18 6L6 18',
  check: 'M5 13l4 4L19 7',
  ask: 'M9 9a3 3 0 1 1 4.500 2.600c-1 .5-1.500 1.200-1.500 2.400M12 18v.1',
  person: 'M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 3.600-6 8-6s8 2 8 6',
  shield: 'M12 3l8 3v6c0 5-3.500 8-8 9-4.500-1-8-4-8-9V6z',
  dash: 'M6 12h12',
  warn: 'M12 4l9 16H3zM12 10v4M12 17v.1',
  open: 'M12 5v8M12 18v.1',
} as const;

export type Shape = keyof typeof PATHS;

export function Icon({ shape }: { readonly shape: Shape }): ReactNode {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[shape]} />
    </svg>
  );
}

export type Tone = 'bad' | 'ok' | 'wait' | 'right' | 'plain';

const LOOKS: Readonly<Record<Verdict, readonly [tone: Tone, shape: Shape]>> = {
  fix: ['bad', 'cross'],
  decide: ['wait', 'person'],
  'do-not-allow': ['right', 'shield'],
  'needs-evidence': ['wait', 'ask'],
  'nothing-to-do': ['ok', 'check'],
};

/** `verdict` null: there is none, and the word of the state stands alone. */
export function Answer({ verdict, state }: { readonly verdict: Verdict | null; readonly state: string }): ReactNode {
  if (state === 'resolved') return <Tag tone="ok" shape="check" text="Resolved" />;
  if (verdict === null) return <Tag tone="plain" shape="open" text={state === 'acknowledged' ? 'Acknowledged' : 'Open'} />;
  const [tone, shape] = LOOKS[verdict];
  return <Tag tone={tone} shape={shape} text={VERDICTS[verdict]} />;
}

export function Tag({ tone, shape, text }: { readonly tone: Tone; readonly shape: Shape; readonly text: string }): ReactNode {
  return (
    <span className={`tag ${tone}`}>
      <Icon shape={shape} />
      {text}
    </span>
  );
}
