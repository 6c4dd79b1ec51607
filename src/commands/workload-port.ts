/** A workload with one of its ports, as the command line names them: `deploy/backend:8080`, `po/backend-0:http`. */
import { portsOf } from '../access/ports.ts';
import { InvalidInput } from '../errors.ts';
import { showWorkload } from '../evidence/missing.ts';
import { workloadOf } from '../policy/owner.ts';
import type { ObjectRef } from '../policy/resource.ts';
import { findResource, namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import { hasEnded, type Workload } from '../policy/workload.ts';
import type { QuestionWords } from './question-words.ts';
import { readWorkloadName, type WorkloadName } from './workload-name.ts';

export interface WorkloadPort {
  readonly workload: WorkloadName;
  /** A number or a port's name; null: none was named. */
  readonly port: number | string | null;
}

/** Errors: InvalidInput. */
export function readWorkloadPort(text: string): WorkloadPort {
  const [, name = text, port] = /^(.*):([^:]*)$/.exec(text) ?? [];
  const workload = readWorkloadName(name);
  if (port === undefined) return { workload, port: null };
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (number >= 1 && number <= 65_535) return { workload, port: number };
  if (/^(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?$/.test(port)) return { workload, port };
  throw new InvalidInput(
    `"${port}" is no port.`,
    'Give its number, from 1 to 65535, or its name: deploy/backend:8080, deploy/backend:http.',
  );
}

/** `backend.shop` is backend of namespace shop where there is such a namespace: so `policy` writes it. */
export function splitNamespace(
  snapshot: Snapshot,
  text: string,
  namespace: string | null,
): readonly [name: string, namespace: string | null] {
  const dot = text.lastIndexOf('.');
  const named = text.slice(dot + 1);
  return dot > 0 && snapshot.namespaces.has(named) && named !== '' ? [text.slice(0, dot), named] : [text, namespace];
}

/** The object that stands for the pod: its Deployment, …, or itself. */
export function ownerOf(snapshot: Snapshot, { kind, ref, resource }: Workload): ObjectRef {
  return kind === 'Pod' ? workloadOf(resource, (wanted) => findResource(snapshot, wanted) ?? undefined) : ref;
}

/** Pods (or stand-ins) of the workload that still run. Errors: InvalidInput where there are none, or several namespaces have it. */
export function podsOfWorkload(
  snapshot: Snapshot,
  { kind, name: text }: WorkloadName,
  given: string | null,
  words: QuestionWords,
): readonly Workload[] {
  const [name, namespace] = splitNamespace(snapshot, text, given);
  const found = [...snapshot.namespaces.keys()]
    .filter((one) => namespace === null || one === namespace)
    .flatMap((one) => [...namespaceIndex(snapshot, one).workloads.values()].flatMap(({ value }) => (value === null ? [] : [value])))
    .filter((pod) => {
      if (hasEnded(pod.resource.status)) return false;
      const ref = kind === 'Pod' ? pod.ref : ownerOf(snapshot, pod);
      return ref.kind === kind && ref.name === name;
    });
  const namespaces = [...new Set(found.map(({ ref }) => ref.namespace))];
  const shown = showWorkload({ kind, name, namespace: '' });
  if (namespaces.length > 1)
    throw new InvalidInput(
      `several namespaces have a ${shown}.`,
      `Say which one with ${words.namespace}: ${namespaces.slice(0, 6).join(', ')}.`,
    );
  if (found.length > 0) return found;
  const where = namespace === null ? 'this cluster' : `namespace ${namespace}`;
  throw new InvalidInput(`there are no pods of ${shown} in ${where}.`, knownIn(snapshot, namespace));
}

function knownIn(snapshot: Snapshot, namespace: string | null): string {
  if (namespace === null || !snapshot.namespaces.has(namespace))
    return `There are pods in: ${[...snapshot.namespaces]
      .flatMap(([name, index]) => (index.workloads.size === 0 ? [] : [name]))
      .slice(0, 8)
      .join(', ')}.`;
  const pods = [...namespaceIndex(snapshot, namespace).workloads.values()].flatMap(({ value }) => (value === null ? [] : [value]));
  const names = [...new Set(pods.map((pod) => showWorkload(ownerOf(snapshot, pod))))];
  return names.length === 0 ? 'The namespace has no pods.' : `It has: ${names.slice(0, 8).join(', ')}.`;
}

/** The number of the port; the only one that the application has where none was named. Errors: InvalidInput. */
export function portNumber(snapshot: Snapshot, pods: readonly Workload[], { workload, port }: WorkloadPort): number {
  if (typeof port === 'number') return port;
  const named = new Set(
    pods.flatMap((pod) => [...pod.portNames]).flatMap(([name, ports]) => (port === null || name === port ? ports : [])),
  );
  const all = [...new Set(pods.flatMap((pod) => portsOf(snapshot, pod)))].sort((a, b) => a - b);
  const own = port === null ? new Set([...pods.flatMap((pod) => pod.ports)].filter((one) => one !== 4143 && one !== 4191)) : named;
  const [only, ...others] = own;
  if (only !== undefined && others.length === 0) return only;
  const name = showWorkload({ ...workload, namespace: '' });
  const message = port === null ? `which port of ${name}?` : `no port of ${name} is named "${port}", or several are.`;
  throw new InvalidInput(
    message,
    `Name it: ${all
      .slice(0, 8)
      .map((one) => `${name}:${one}`)
      .join(', ')}.`,
  );
}
