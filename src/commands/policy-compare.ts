/** `policy --compare`: what `linkerd diagnostics policy` says is enforced, beside what the objects declare. */

import { type Disagreement, type DisagreementCause, disagreementOf } from '../access/disagreement.ts';
import { InvalidInput } from '../errors.ts';
import type { WorkloadRef } from '../evidence/facts.ts';
import { showWorkload } from '../evidence/missing.ts';
import { plainName } from '../evidence/plain-name.ts';
import { isTooDeep } from '../manifests/document.ts';
import { kindOfDiagnostics } from '../policy/diagnostics-difference.ts';
import { type Json, parseDiagnostics } from '../policy/diagnostics-policy.ts';
import { showRef } from '../policy/resource.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { isStandIn } from '../policy/templates.ts';
import type { Workload } from '../policy/workload.ts';
import type { PostureWorkload } from '../posture/practice.ts';
import { showPending } from './policy-text.ts';
import { type Palette, safe, wrap } from './terminal.ts';

export interface Compared extends Disagreement {
  readonly workload: WorkloadRef;
  readonly pod: Workload;
  readonly port: number;
}

const HOW = 'Write it with: linkerd diagnostics policy -n NAMESPACE po/NAME PORT -o json > FILE';
const DEEPEST = 100;

/** JSON or YAML, as Linkerd's CLI prints it. Errors: InvalidInput. */
export function readDiagnostics(text: string, file: string): Json {
  const value = parsed(text, file);
  const place = { file: file === '-' ? 'stdin' : file };
  if (isTooDeep(value, DEEPEST)) throw new InvalidInput('is nested too deep for a policy.', HOW, place);
  const kind = kindOfDiagnostics(value);
  if (kind === 'outbound')
    throw new InvalidInput('is the outbound policy of a Service; who gets in is decided by that of a pod.', HOW, place);
  if (kind === 'other') throw new InvalidInput('is no output of linkerd diagnostics policy.', HOW, place);
  return value;
}

function parsed(text: string, file: string): Json {
  try {
    return parseDiagnostics(text);
  } catch {
    throw new InvalidInput('is neither JSON nor YAML, or is cut off.', HOW, { file: file === '-' ? 'stdin' : file });
  }
}

/** Every pod of the workload is compared: replicas share one policy. */
export function compareWith(snapshot: Snapshot, { ref, pods, owner }: PostureWorkload, port: number, enforced: Json): readonly Compared[] {
  return pods
    .filter((pod) => pod.meshed)
    .map((pod) => ({ workload: ref, pod, port, ...disagreementOf(snapshot, pod, owner, port, enforced) }));
}

export function compareData(compared: readonly Compared[]): unknown {
  return {
    form: 'denywhy.policy-compare/1',
    agrees: compared.every(({ differences }) => differences.length === 0),
    pods: compared.map(({ pod, port, differences, causes }) => ({ pod: pod.ref, port, differences, causes })),
  };
}

export function showCompared(compared: readonly Compared[], columns: number, palette: Palette): readonly string[] {
  return compared.flatMap(({ workload, pod, port, differences, causes }, i) => {
    const name = `${pod.ref.namespace}/${pod.ref.name} port ${port}`;
    const before = i === 0 ? [] : [''];
    if (differences.length === 0) {
      const declared = isStandIn(pod.resource) ? 'what its template declares' : 'what the objects declare';
      return [...before, ...para(`✓ ${name}: enforced is ${declared}.`, columns, '')];
    }
    return [
      ...before,
      palette.bold(safe(`✗ ${name}: declared is not what is enforced.`)),
      ...differences.flatMap(({ what, declared, enforced }) => [
        safe(`  ${what}`),
        ...para(`declared: ${declared ?? '(not there)'}`, columns, '    ', '      '),
        ...para(`enforced: ${enforced ?? '(not there)'}`, columns, '    ', '      '),
      ]),
      '',
      ...(causes.length === 0 ? [UNEXPLAINED] : causes.map((cause) => showCause(cause, restartOf(workload)))).flatMap((text) =>
        para(text, columns, ''),
      ),
    ];
  });
}

const UNEXPLAINED =
  'Nothing in the objects explains it: they and the file are probably of different moments, or the controller lags behind. Take both again, one right after the other; if it stays, read the log of container policy in deploy/linkerd-destination.';

function restartOf({ kind, namespace, name }: WorkloadRef): string {
  const where = plainName(namespace, 'NAMESPACE');
  const named = plainName(name, 'NAME');
  if (kind === 'Pod') return `kubectl delete pod -n ${where} ${named}, if a controller makes it anew.`;
  return `kubectl rollout restart -n ${where} ${showWorkload({ kind, namespace, name: named })}`;
}

/** What happened, and what to do. */
function showCause(cause: DisagreementCause, restart: string): string {
  switch (cause.type) {
    case 'unreadable-edit':
      return `${showRef(cause.object)} cannot be read${cause.generation === null ? '' : ` since generation ${cause.generation}`} (${cause.error}): the controller keeps the version before, until it restarts. Repair the object: what is enforced would vanish then.`;
    case 'not-restarted':
      return `Not rolled out: ${cause.pending.map(showPending).join('; ')}. A restart brings it: ${restart}`;
    case 'gone':
      return `${cause.kind} ${cause.name} is enforced and is not among the objects: it was deleted since, or the objects are not all there.`;
    case 'labels':
      return `${showRef(cause.server)} is enforced, and does not select the pod as it is declared: it selects ${cause.selector.join(', ') || 'by expressions'}, and the pod has ${cause.labels.join(', ')}. Labels or selector were changed since, or the controller dropped the pod's update.`;
    case 'not-in-force':
      return `${showRef(cause.object)} is declared and not in force: it was made after the file, or the controller does not know of it yet.`;
    case 'default-changed':
      return `The default policy was changed: ${cause.declared} is declared, ${cause.enforced} is enforced. A setting of the cluster acts when the policy controller is restarted; an annotation of a pod acts at once, so the two may be of different moments.`;
  }
}

function para(text: string, columns: number, indent: string, next = `${indent}  `): readonly string[] {
  return wrap(safe(text), columns, next, indent);
}
