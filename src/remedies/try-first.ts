/** How a change is tried before anybody applies it. */
import type { ObjectChange } from '../policy/snapshot.ts';
import { PLAIN } from './by-hand.ts';
import type { Step } from './remedy.ts';

/** `fix.yaml`: what `-o yaml` prints of the remedy. */
export function simulated(namespace: string, changes: readonly ObjectChange[]): Step {
  const text = 'See first what it does to the traffic that was recorded; nothing is written.';
  const deleted = changes.flatMap((change) => ('delete' in change ? [change.delete] : []));
  if (!PLAIN.test(namespace) || !deleted.every(({ name }) => PLAIN.test(name))) return { text, command: null };
  const parts = [
    ...(deleted.length < changes.length ? ['--change fix.yaml'] : []),
    ...deleted.map(({ kind, name }) => `--delete ${kind.toLowerCase()}/${name}`),
  ];
  return { text, command: `denywhy simulate -n ${namespace} ${parts.join(' ')}` };
}
