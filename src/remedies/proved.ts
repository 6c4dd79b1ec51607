/** A candidate that was proved is a remedy. */
import type { RemedyId } from '../diagnoses/finding.ts';
import { admit } from '../policy/admission.ts';
import { groupOf } from '../policy/resource.ts';
import type { ObjectChange } from '../policy/snapshot.ts';
import { type Files, toChange } from './change.ts';
import { asApplied } from './objects.ts';
import type { Candidate } from './plea.ts';
import { type Proving, prove } from './proof.ts';
import type { Remedy } from './remedy.ts';
import { showClient } from './wording.ts';

const MOST = 5;

/** null: the admission webhook refuses an object, or the change cannot be proved. */
export function proved(
  plea: Proving,
  id: RemedyId,
  { title, changes, steps = [], widens, tightens, traffic, becoming }: Candidate,
  files: Files,
): Remedy | null {
  const said = { id, title, steps, widens: widens ?? null, tightens: tightens ?? null };
  if (changes.length === 0) return { ...said, changes: [], proof: null };
  const applied = asApplied(plea.snapshot, changes);
  if (!applied.every(isAdmitted)) return null;
  const proof = prove(plea, applied, traffic ?? null, becoming ?? null);
  if (proof === null) return null;
  const names = [...new Set(proof.shutOut.map(showClient))];
  const shuts = names.length === 0 ? said.tightens : `It shuts out ${names.slice(0, MOST).join(', ')}, and none of them was seen.`;
  return { ...said, tightens: shuts, changes: applied.map((change) => toChange(plea.snapshot, change, files)), proof };
}

/** Objects of Kubernetes itself are none of the webhook's. */
function isAdmitted(change: ObjectChange): boolean {
  return 'delete' in change || OF_KUBERNETES.has(groupOf(change.apply.apiVersion)) || admit(change.apply).admitted;
}
const OF_KUBERNETES: ReadonlySet<string> = new Set(['', 'apps', 'batch']);
