/** What was read of a live cluster, for a person; and what was not, with what to do. */

import type { Style } from './explain-lines.ts';
import type { SourceRead } from './explain-live.ts';
import { list } from './explain-remarks.ts';
import { safe } from './terminal.ts';

export function showSources(sources: readonly SourceRead[], style: Style): readonly string[] {
  const read = sources.filter(({ isRead }) => isRead).map(({ what, detail }) => safe(`${what}: ${detail}.`.replace(/\.\.$/, '.')));
  const unread = sources
    .filter(({ isRead }) => !isRead)
    .map(({ what, detail, remedy }) => safe([what === '' ? detail : `${what}: ${detail}`, remedy].filter((part) => part !== '').join(' ')));
  return [...list('READ', read, style), ...list('NOT READ', unread, style)];
}
