/** An edit in words: what became of which object, and who did it. */
import { type ObjectRef, showRef } from '../policy/resource.ts';
import type { Author } from './audit.ts';
import type { ObjectEdit } from './changed.ts';

const DONE = { created: 'was created', edited: 'was edited', deleted: 'was deleted' } as const;
const WHOSE = { policy: '', server: 'the server’s ', client: 'the client’s ' } as const;

/** `AuthorizationPolicy shop/orders was deleted`, `the client’s Pod shop/web-2 took the place of web-1`. */
export function showEdit({ object, change, of, replaces }: ObjectEdit, nameOf: (ref: ObjectRef) => string = showRef): string {
  const name = `${WHOSE[of]}${nameOf(object)}`;
  return change === 'replaced' ? `${name} took the place of ${replaces}` : `${name} ${DONE[change]}`;
}

/** ` by admin (kubectl-edit)`: the user, where an audit log tells, and the program; empty where neither is known. */
export function showAuthor(author: Author | null, manager: string | null): string {
  const program = manager ?? author?.manager ?? null;
  if (author === null) return program === null ? '' : ` by ${program}`;
  const { user, impersonatedBy } = author;
  const who = impersonatedBy === null ? user : `${user}, as whom ${impersonatedBy} acted`;
  return ` by ${who}${program === null ? '' : ` (${program})`}`;
}
