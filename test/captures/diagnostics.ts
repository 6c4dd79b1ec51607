/**
 * `diagnostics-policy.json`: what the controller sends, as `linkerd diagnostics policy -o json` prints it. Ours is printed the same way and
 * compared leaf by leaf, so that no field of theirs goes unread.
 */
import { diagnosticsPolicy, inOrder, type Json } from '../../src/policy/diagnostics-policy.ts';
import type { InboundServer } from '../../src/policy/inbound.ts';
import { type Difference, differences } from '../oracle/diff.ts';

export function compareDiagnostics(theirs: Json, ours: InboundServer): readonly Difference[] {
  return differencesOfPolicies(theirs, diagnosticsPolicy(ours));
}

export function differencesOfPolicies(theirs: Json, ours: Json): readonly Difference[] {
  return differences(inOrder(theirs), inOrder(ours));
}
