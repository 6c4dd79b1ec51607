/** What no object of policy can mend: a person does it, and here is the command. */
import type { Finding } from '../diagnoses/finding.ts';
import type { WorkloadRef } from '../evidence/facts.ts';
import type { ObjectRef } from '../policy/resource.ts';
import type { Candidate, Kind, Plea } from './plea.ts';
import type { Step } from './remedy.ts';

export const meshClient: Kind = {
  id: 'mesh-client',
  candidates({ denied, law, finding }) {
    const { workload, pod } = denied.client.ref;
    const { tls } = law.evaluation.connection;
    if (tls?.state === 'established' && tls.clientId !== null) return [];
    if (pod?.meshed === true)
      return advice('Let the client reach the server through the mesh.', [{ text: todoOf(finding), command: null }]);
    const inject = '{"spec":{"template":{"metadata":{"annotations":{"linkerd.io/inject":"enabled"}}}}}';
    const command = workload === null ? null : commandFor(workload, (at) => `kubectl patch ${at} --type merge -p '${inject}'`);
    return advice(`Mesh ${workload === null ? 'the client' : named(workload)}: then it has an identity that can be authorized.`, [
      { text: 'Give its pods a proxy.', command },
      { text: 'Then explain what is still denied: by its identity it may be authorized on the narrowest target.', command: null },
    ]);
  },
};

/** A ServiceAccount of its own where that is no change of objects; `why`: a sentence. */
export function ownAccountByHand({ denied, law, finding }: Plea, why: string): readonly Candidate[] {
  const { workload } = denied.client.ref;
  if (workload === null) return advice('Give the client a ServiceAccount of its own.', [{ text: todoOf(finding), command: null }]);
  const isPlain = PLAIN.test(workload.name) && PLAIN.test(workload.namespace);
  const target = law.evaluation.policy.server;
  return advice(`Give ${named(workload)} a ServiceAccount of its own.`, [
    {
      text: 'Create it.',
      command: isPlain ? `kubectl create serviceaccount ${workload.name} -n ${workload.namespace}` : null,
    },
    { text: 'Let its pods run as it.', command: commandFor(workload, (at) => `kubectl set serviceaccount ${at} ${workload.name}`) },
    { text: `Then authorize that one${target === null ? '' : `, on the narrowest target of Server ${target.name}`}.`, command: null },
    { text: why, command: null },
  ]);
}

export const repairAnnotation: Kind = {
  id: 'repair-annotation',
  candidates: ({ finding, denied }) =>
    advice('Correct the annotation.', [{ text: todoOf(finding), command: annotationCommand(denied.client.ref.workload) }]),
};

function annotationCommand(workload: WorkloadRef | null): string | null {
  return workload === null ? null : commandFor(workload, (at) => `kubectl edit ${at}`);
}

export const restartPods: Kind = {
  id: 'restart-pods',
  candidates(plea) {
    const workload = plea.denied.target.workload;
    const command = workload === null ? null : commandFor(workload, (at) => `kubectl rollout restart ${at}`);
    return advice(`Restart ${workload === null ? 'the server' : named(workload)}.`, [{ text: todoOf(plea.finding), command }]);
  },
};

export const raiseLimit: Kind = {
  id: 'raise-limit',
  candidates(plea) {
    const limit = plea.law.evaluation.policy.rateLimit?.object ?? null;
    return advice('Raise the limit, or except this client from it.', [
      { text: todoOf(plea.finding), command: limit === null ? null : editCommand(limit) },
    ]);
  },
};

function advice(title: string, steps: readonly Step[]): readonly Candidate[] {
  return [{ title, changes: [], steps }];
}

function todoOf(finding: Plea['finding']): string {
  return (finding as Finding | null)?.todo ?? '';
}

/** `Deployment shop/orders`. */
export function named({ kind, namespace, name }: WorkloadRef): string {
  return `${kind} ${namespace}/${name}`;
}

function editCommand({ kind, namespace, name }: ObjectRef): string | null {
  return PLAIN.test(name) && PLAIN.test(namespace) ? `kubectl edit ${kind.toLowerCase()} ${name} -n ${namespace}` : null;
}

/** Names that need no quotes in a shell. */
export const PLAIN = /^[a-z0-9][a-z0-9.-]*$/;
const WITH_TEMPLATE: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet']);

/** `command` gets `deployment/NAME -n NAMESPACE`. null: the kind has no template that can be changed. */
function commandFor({ kind, namespace, name }: WorkloadRef, command: (at: string) => string): string | null {
  if (!WITH_TEMPLATE.has(kind) || !PLAIN.test(name) || !PLAIN.test(namespace)) return null;
  return command(`${kind.toLowerCase()}/${name} -n ${namespace}`);
}
