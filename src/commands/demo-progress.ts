/** What is going on, on stderr: one line that is rewritten where a person looks, a line per phase elsewhere. */
import type { Instant } from '../policy/resource.ts';
import { showInstant } from '../policy/time.ts';
import type { Io } from './command.ts';
import type { PlayedCounts } from './demo-play.ts';
import { cut, safe } from './terminal.ts';

export interface Progress {
  phase(what: string): void;
  /** An event was played; `counts` as they are after it. */
  played(at: Instant | null, counts: Readonly<PlayedCounts>): void;
  /** Takes the line away. */
  end(): void;
}

const ERASE = '\r\u001b[2K';
/** A line per event would cost more than the event. */
const EVENTS_PER_LINE = 50;

export function createProgress({ stderr, isTTY, columns }: Pick<Io, 'stderr' | 'isTTY' | 'columns'>): Progress {
  if (!isTTY.stderr) {
    return { phase: (what) => void stderr.write(`denywhy: ${safe(what)}\n`), played: () => {}, end: () => {} };
  }
  const rewrite = (line: string) => void stderr.write(ERASE + cut(line, columns - 1));
  let events = 0;
  return {
    phase: (what) => rewrite(safe(what)),
    played(at, { lines, samples, webhooks, changes }) {
      if (at === null || events++ % EVENTS_PER_LINE !== 0) return;
      const clock = showInstant(at).slice(11, 19);
      rewrite(`${clock}  ${lines} lines, ${samples} samples, ${webhooks} webhooks, ${changes} changes`);
    },
    end: () => void stderr.write(ERASE),
  };
}
