/** What posture proposes to tighten, as text that a person can review. */
import type { PracticeId } from '../../src/posture/practice.ts';
import { showNewcomer } from '../../src/remedies/wording.ts';
import { judge, postureIn, type World } from '../posture/shop.ts';

export function told(id: PracticeId, yaml: string, world: World): string {
  const next = judge(id, yaml, world).map(
    ({ workload, state, next: step }) => `${workload} ${state}: ${step?.text ?? ''} ${step?.command ?? ''}`,
  );
  const { tightenings } = postureIn('shop', yaml, world);
  const remedies = tightenings.flatMap(({ title, tightens, steps, changes, proof }) => [
    title,
    `tightens: ${tightens}`,
    ...(proof?.newlyIn ?? []).map((one) => `newly lets in: ${showNewcomer(one)}`),
    ...(proof?.shutOut ?? []).map((one) => `shuts out: ${showNewcomer(one)}`),
    ...steps.flatMap(({ text, command }) => [`- ${text}`, ...(command === null ? [] : [`  ${command}`])]),
    ...changes.map(({ diff }) => diff),
  ]);
  return [...next, ...remedies, ''].join('\n');
}
