/** Rows 13 and 14: a policy asks for an authentication that does not exist, and so has no effect at all. */
import { closestOf } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const danglingReference: Diagnosis = {
  id: 'dangling-reference',
  title: 'a policy refers to an authentication that does not exist',
  denied(denied) {
    const found = closestOf(denied);
    if (found?.type !== 'broken' || found.excluded.reason.type !== 'dangling') return null;
    const { missing } = found.excluded.reason;
    return drafted(
      denied,
      {
        certainty: 'certain',
        removal: 'allows',
        todo:
          missing.kind === 'NetworkAuthentication'
            ? `Create ${missing.kind} ${missing.namespace}/${missing.name}, or correct the name. Taking the reference out would let the identity in from everywhere.`
            : `Correct name or namespace of the reference, or create ${missing.kind} ${missing.namespace}/${missing.name}.`,
        remedies: ['repair-reference'],
      },
      [missing],
    );
  },
};
