/** Reads audit logs of the API server. */
import { InvalidInput } from '../errors.ts';
import { type AuditTrail, createAuditReader } from '../evidence/audit.ts';
import { readLines } from '../evidence/log-lines.ts';
import type { Inputs, Notice } from '../ports.ts';

export interface AuditRead {
  /** null: no log was given. */
  readonly trail: AuditTrail | null;
  readonly notices: readonly Notice[];
}

/** Rotated files of one log in any order. Errors: InvalidInput for what is no audit log at all. */
export async function readAuditLogs(paths: readonly string[], inputs: Inputs): Promise<AuditRead> {
  if (paths.length === 0) return { trail: null, notices: [] };
  const reader = createAuditReader();
  const notices: Notice[] = [];
  for (const path of paths) {
    const before = reader.stats();
    for await (const lines of readLines(inputs.open(path))) for (const line of lines) reader.push(line);
    const { lines, malformed, firstMalformed, beyond } = reader.stats();
    const [own, wrong] = [lines - before.lines, malformed - before.malformed];
    const file = path === '-' ? 'stdin' : path;
    // Counted over all files.
    const first = before.malformed === 0 ? firstMalformed - before.lines : null;
    const place = first === null || wrong === 0 ? { file } : { file, line: first };
    if (own === 0) notices.push({ where: file, message: 'There is nothing in it.' });
    else if (wrong === own) throw noAuditLog(place);
    else if (wrong > 0) notices.push({ where: first === null ? file : `${file}:${first}`, message: wrongWords(wrong) });
    if (beyond > before.beyond) notices.push({ where: file, message: `${beyond - before.beyond} writes found no room and are not known.` });
  }
  return { trail: reader.trail, notices };
}

function wrongWords(count: number): string {
  return count === 1
    ? 'This line is no audit event and was passed over.'
    : `This line and ${count - 1} more are no audit events and were passed over.`;
}

function noAuditLog(place: { readonly file: string; readonly line?: number }): InvalidInput {
  return new InvalidInput(
    'This is no audit log: none of its lines is an event of audit.k8s.io.',
    'Give the file that kube-apiserver writes with --audit-log-path (format json), one event a line.',
    place,
  );
}
