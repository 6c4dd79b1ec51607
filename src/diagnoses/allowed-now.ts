/** No cause, and an answer all the same: the policy that is known last lets the client in. */
import { showAuthor, showEdit } from '../evidence/edit-words.ts';
import { isRefusal } from '../evidence/facts.ts';
import { plainName } from '../evidence/plain-name.ts';
import { isLetIn } from '../evidence/would-have.ts';
import { showSecond } from '../policy/time.ts';
import type { Denied, Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const allowedNow: Diagnosis = {
  id: 'allowed-now',
  title: 'it would be allowed now',
  denied(denied, found) {
    const { now, law, target } = denied;
    if (now === null || law === null || !isRefusal(target.kind) || !isLetIn(now.verdict)) return null;
    const summary = law.agrees ? `It would be allowed now${sinceWords(denied)}.` : UNLIKE;
    return drafted(
      denied,
      {
        certainty: law.agrees ? 'certain' : 'likely',
        removal: 'unknown',
        ...(law.agrees || found.length > 0 ? { summary, required: [], observed: '', note: '' } : {}),
        todo: 'Nothing, if the client is let in again. If it is still refused, its server’s proxy has another policy than these objects say: compare them.',
        missing: [...denied.missing, { what: 'what the proxy has in force', command: diagnosticsOf(denied) }],
        remedies: [],
      },
      (denied.changed?.repaired?.edits ?? []).map(({ object }) => object),
    );
  },
};

const UNLIKE = 'These objects would let the client in: when it was refused the policy was another one.';

function sinceWords({ now, changed }: Denied): string {
  const [edit, ...more] = changed?.repaired?.edits ?? [];
  const since = now?.since == null ? '' : `, since ${showSecond(now.since)}`;
  if (edit === undefined) return since;
  const others = more.length === 0 ? '' : ` and ${more.length} more objects at that moment`;
  return `${since}: ${showEdit(edit)}${showAuthor(edit.author, edit.manager?.name ?? null)}${others}`;
}

function diagnosticsOf({ law }: Denied): string {
  const pod = law?.pod.ref;
  return `linkerd diagnostics policy -n ${plainName(pod?.namespace, 'NAMESPACE')} po/${plainName(pod?.name, 'POD')} ${law?.port ?? 'PORT'}`;
}
