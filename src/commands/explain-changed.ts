/** What turned allow into deny, in words and as data. */
import type { Candidate } from '../evidence/candidates.ts';
import type { ObjectEdit, Turn, WhatChanged } from '../evidence/changed.ts';
import { showAuthor, showEdit } from '../evidence/edit-words.ts';
import type { TargetExplanation } from '../explain.ts';
import { type Instant, type ObjectRef, showRef } from '../policy/resource.ts';
import { showInstant } from '../policy/time.ts';
import { LABEL, type Style, section } from './explain-lines.ts';
import { showMoment } from './moment.ts';
import { safe, wrap } from './terminal.ts';

const VALUE = ' '.repeat(LABEL + 2);

/** Lines of section CHANGED with an empty one before them; none where there is nothing to say. */
export function showChanged({ changed, decision }: TargetExplanation, style: Style): readonly string[] {
  if (changed === null) return [];
  const lines = changed.turned === null ? unknownLines(changed, decision.object, style) : turnLines(changed.turned, style);
  return lines.length === 0 ? [] : ['', ...section('CHANGED', lines, style)];
}

/** `: MeshTLSAuthentication frontend-mtls was edited by admin (kubectl-edit)`; empty where no change is known. */
export function showRepair(changed: WhatChanged | null, { namespace }: Style): string {
  const [edit, ...more] = changed?.repaired?.edits ?? [];
  if (edit === undefined) return '';
  const others = more.length === 0 ? '' : ` and ${more.length} more objects at that moment`;
  return `: ${editWords(edit, namespace)}${byWords(edit)}${others}`;
}

function turnLines({ at, edits, more }: Turn, style: Style): readonly string[] {
  const time = `${showMoment(at, style.now)} UTC`;
  const [only, ...others] = edits;
  if (only !== undefined && others.length === 0 && more === 0) return editLines(only, `${time}${byWords(only)}: `, style);
  const head = `${time}: none of these changes alone, but all of that moment together:`;
  const rest = more === 0 ? [] : wrap(`and ${more} more`, style.columns, VALUE);
  return [...textLines(head, style), ...edits.flatMap((edit) => editLines(edit, '', style)), ...rest];
}

function editLines(edit: ObjectEdit, head: string, style: Style): readonly string[] {
  const by = head === '' ? byWords(edit) : '';
  const lines = [...textLines(`${head}${editWords(edit, style.namespace)}${by}${generationWords(edit)}.`, style)];
  for (const { path, before, after } of edit.fields) {
    for (const line of wrap(safe(path), style.columns, VALUE)) lines.push(line);
    if (before !== null) lines.push(...valueLines('-', before, style).map(style.palette.red));
    if (after !== null) lines.push(...valueLines('+', after, style).map(style.palette.green));
  }
  if (edit.moreFields > 0) lines.push(...wrap(`and ${edit.moreFields} more fields`, style.columns, VALUE));
  return lines;
}

function valueLines(mark: '-' | '+', value: string, { columns }: Style): readonly string[] {
  return wrap(safe(value), columns, `${VALUE}  `, `${VALUE}${mark} `);
}

function textLines(text: string, { columns }: Style): readonly string[] {
  return wrap(safe(text), columns, ' '.repeat(LABEL));
}

function shortRef(ref: ObjectRef, namespace: string | null): string {
  return ref.namespace === namespace ? `${ref.kind} ${ref.name}` : showRef(ref);
}

function editWords(edit: ObjectEdit, namespace: string | null): string {
  return showEdit(edit, (ref) => shortRef(ref, namespace));
}

function byWords({ author, manager }: ObjectEdit): string {
  return showAuthor(author, manager?.name ?? null);
}

function generationWords({ generation: { before, after } }: ObjectEdit): string {
  return before === null || after === null || before === after ? '' : `, generation ${before} → ${after}`;
}

const NO_MANAGERS =
  'Whether and by whom the objects that decided were edited is not in this dump: write it with kubectl get --show-managed-fields.';

function unknownLines(changed: WhatChanged, decidedBy: ObjectRef | null, style: Style): readonly string[] {
  const { throughout, candidates, withoutManagers } = changed;
  const lines = throughout === null ? [] : [...textLines(throughoutWords(throughout, decidedBy, style), style)];
  if (candidates.length > 0)
    lines.push(...textLines(`${throughout === null ? 'No history was given. B' : 'B'}y their times, these may have done it:`, style));
  for (const candidate of candidates) lines.push(...wrap(safe(candidateWords(candidate, style)), style.columns, `${VALUE}  `, VALUE));
  if (withoutManagers && throughout === null) lines.push(...textLines(NO_MANAGERS, style));
  return lines;
}

function throughoutWords(throughout: NonNullable<WhatChanged['throughout']>, decidedBy: ObjectRef | null, style: Style): string {
  const { since, looks, states, newcomer } = throughout;
  const when = `${showMoment(since, style.now)} UTC`;
  if (newcomer === 'client')
    return `Nothing turned allow into deny: the client came after the record began, ${when}, and was denied from its start.`;
  if (states === 0) return `Nothing that touches server and client is recorded before it: the record begins at ${when}.`;
  const seen = looks >= states ? 'every state' : `each of the ${looks} states that were looked at, of ${states + 1}`;
  const where = decidedBy === null ? 'what stands under DECIDED' : shortRef(decidedBy, style.namespace);
  const who = newcomer === 'server' ? 'the server came after it began, and ' : '';
  return `No recorded change explains it: ${who}it is denied in ${seen} since the record began, ${when}. If it was ever allowed, ${where} changed before that.`;
}

function candidateWords({ object, change, at, manager, author, certainty }: Candidate, style: Style): string {
  const by = showAuthor(author, manager);
  return `${certainty.padEnd(8)} ${showMoment(at, style.now)} UTC ${shortRef(object, style.namespace)} was ${change}${by}`;
}

function time(at: Instant | null): string | null {
  return at === null ? null : showInstant(at);
}

export function changedData(changed: WhatChanged | null) {
  if (changed === null) return null;
  const { source, turned, repaired, throughout, candidates, withoutManagers } = changed;
  return {
    source,
    turned: turned === null ? null : turnData(turned),
    repaired: repaired === null ? null : turnData(repaired),
    throughout: throughout === null ? null : { ...throughout, since: time(throughout.since) },
    candidates: candidates.map((candidate) => ({ ...candidate, at: time(candidate.at) })),
    withoutManagers,
  };
}

function turnData({ at, edits, more }: Turn) {
  return {
    at: time(at),
    edits: edits.map(({ manager, ...edit }) => ({ ...edit, manager: manager === null ? null : { ...manager, at: time(manager.at) } })),
    more,
  };
}
