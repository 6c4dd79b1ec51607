/** A question of `can`: names as people write them, turned into callers, pods and a request. */
import { type Caller, type CanAnswer, callerOfPod, callersOfServiceAccount, can, UNMESHED } from '../access/can.ts';
import type { AccessRequest } from '../access/requests.ts';
import { InvalidInput } from '../errors.ts';
import { showWorkload } from '../evidence/missing.ts';
import type { ClientTls } from '../policy/evaluation.ts';
import { parseAddress } from '../policy/network.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import { type Snapshot, workloadsByIp, workloadsByServiceAccount } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import type { QuestionWords } from './question-words.ts';
import { readWorkloadName } from './workload-name.ts';
import { ownerOf, podsOfWorkload, portNumber, readWorkloadPort, splitNamespace } from './workload-port.ts';

/** As the command line, a test file or the API has it. */
export interface CanSpec {
  /** `sa/NAME`, a workload, an address, or a mesh identity written out. */
  readonly client: string;
  /** `deploy/NAME:PORT`. */
  readonly server: string;
  /** Of both where they name none; null: where there is only one such workload. */
  readonly namespace: string | null;
  readonly method: string | null;
  readonly path: string | null;
  readonly authority: string | null;
  /** `SERVICE/METHOD`. */
  readonly grpc: string | null;
  /** The address that the client calls from. */
  readonly ip: string | null;
  /** As if the client had no proxy. */
  readonly unmeshed: boolean;
}

export interface CanAsked {
  /** For people: `sa/frontend`, `sa/prometheus in linkerd-viz`, `203.0.113.7`. */
  readonly client: string;
  /** `deploy/backend:8080`. */
  readonly server: string;
  /** Of the server. */
  readonly namespace: string;
  readonly port: number;
  /** null: whatever can be asked of the port. */
  readonly request: AccessRequest | null;
  readonly answer: CanAnswer;
  /** What a person should know beside the answer. */
  readonly notes: readonly string[];
  /** Of the one who asked. */
  readonly words: QuestionWords;
}

/** Errors: InvalidInput (a name that is none, or that nothing has). */
export function askCan(snapshot: Snapshot, spec: CanSpec, words: QuestionWords): CanAsked {
  const target = readWorkloadPort(spec.server);
  const servers = podsOfWorkload(snapshot, target.workload, spec.namespace, words);
  const port = portNumber(snapshot, servers, target);
  const [first] = servers as readonly [Workload];
  const { namespace } = first.ref;
  const client = clientOf(snapshot, spec, namespace, words);
  const request = requestOf(spec, words);
  const ref = target.workload.kind === 'Pod' ? first.ref : ownerOf(snapshot, first);
  return {
    client: client.name,
    server: `${showWorkload(ref)}:${port}`,
    namespace,
    port,
    request,
    answer: can(snapshot, { callers: client.callers, servers, port, request }),
    notes: client.notes,
    words,
  };
}

interface NamedClient {
  readonly name: string;
  readonly callers: readonly Caller[];
  readonly notes: readonly string[];
}

function clientOf(snapshot: Snapshot, spec: CanSpec, serverNamespace: string, words: QuestionWords): NamedClient {
  const found = namedClient(snapshot, spec.client, { namespace: spec.namespace ?? serverNamespace, serverNamespace, words });
  const ip = spec.ip === null ? null : addressIn(spec.ip, words.ip);
  const callers = found.callers.map((caller): Caller => {
    const tls = spec.unmeshed ? UNMESHED : caller.tls;
    return ip === null ? { ...caller, tls } : { tls, ip, pod: podAt(snapshot, ip) };
  });
  const distinct = new Map(callers.map((caller) => [JSON.stringify([caller.tls, caller.ip, caller.pod?.ref ?? null]), caller]));
  const how = [...(spec.unmeshed ? ['without its proxy'] : []), ...(ip === null ? [] : [`from ${ip}`])];
  return { ...found, name: [found.name, ...how].join(' '), callers: [...distinct.values()] };
}

interface Asked {
  /** Of a client that names none. */
  readonly namespace: string;
  readonly serverNamespace: string;
  readonly words: QuestionWords;
}

function namedClient(snapshot: Snapshot, text: string, asked: Asked): NamedClient {
  const { namespace, serverNamespace, words } = asked;
  const [, account] = /^(?:sa|serviceaccounts?)\/(.+)$/i.exec(text) ?? [];
  if (account !== undefined) return accountClient(snapshot, account, asked);
  if (parseAddress(text) !== null) return { name: text, callers: [{ tls: UNMESHED, ip: text, pod: podAt(snapshot, text) }], notes: [] };
  if (text.includes('.serviceaccount.identity.') || text.includes('://')) {
    const tls: ClientTls = { state: 'established', clientId: text };
    return { name: text, callers: [{ tls, ip: null, pod: null }], notes: [] };
  }
  if (!text.includes('/'))
    throw new InvalidInput(
      `"${text}" names no client.`,
      'Give a ServiceAccount, a workload, an address or a mesh identity: sa/frontend, deploy/frontend, 203.0.113.7.',
    );
  const workload = readWorkloadName(text);
  const pods = podsOfWorkload(snapshot, workload, namespace, words);
  const [first] = pods as readonly [Workload];
  const shown = showWorkload(workload.kind === 'Pod' ? first.ref : ownerOf(snapshot, first));
  return {
    name: inNamespace(shown, first.ref.namespace, serverNamespace),
    callers: pods.map((pod) => callerOfPod(snapshot, pod)),
    notes: [],
  };
}

function accountClient(snapshot: Snapshot, text: string, { namespace: given, serverNamespace, words }: Asked): NamedClient {
  const [name, named] = splitNamespace(snapshot, text, given);
  const namespace = named ?? given;
  if (!/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(name))
    throw new InvalidInput(`"sa/${text}" is no name of a ServiceAccount.`, 'Give it as kubectl does: sa/NAME.');
  const pods = workloadsByServiceAccount(snapshot, namespace, name);
  const isKnown = hasServiceAccount(snapshot, namespace, name) !== false || pods.length > 0;
  const without = pods.filter((pod) => !pod.meshed).length;
  const notes = [
    ...(isKnown ? [] : [`namespace ${namespace} has no ServiceAccount ${name}: the answer is for one that would be made.`]),
    ...(without === 0
      ? []
      : [`${without} of its ${pods.length} pods have no proxy, so they show no identity; ${words.unmeshed} asks for those.`]),
  ];
  return {
    name: inNamespace(`sa/${name}`, namespace, serverNamespace),
    callers: callersOfServiceAccount(snapshot, namespace, name),
    notes,
  };
}

function inNamespace(name: string, namespace: string, serverNamespace: string): string {
  return namespace === serverNamespace ? name : `${name} in ${namespace}`;
}

function podAt(snapshot: Snapshot, ip: string): Workload | null {
  const pods = workloadsByIp(snapshot, ip).filter(({ kind }) => kind === 'Pod');
  return pods.length === 1 ? (pods[0] ?? null) : null;
}

function addressIn(text: string, word: string): string {
  if (parseAddress(text) !== null) return text;
  throw new InvalidInput(`${word} "${text}" is no address.`, 'Give an IPv4 or IPv6 address, such as 10.42.0.7.');
}

/** Errors: InvalidInput. */
function requestOf({ method, path, authority, grpc }: CanSpec, words: QuestionWords): AccessRequest | null {
  if (grpc !== null) {
    if (method !== null || path !== null)
      throw new InvalidInput(
        'a gRPC call has method and path of its own.',
        `Leave out ${words.method} and ${words.path}, or ${words.grpc}.`,
      );
    if (!/^[\w.]{1,200}\/\w{1,200}$/.test(grpc))
      throw new InvalidInput(`"${grpc}" names no gRPC method.`, 'Write it as SERVICE/METHOD: shop.v1.Orders/List.');
    const request = { version: 'HTTP/2.0', method: 'POST', authority: authority ?? 'localhost', path: `/${grpc}`, headers: [], grpc: true };
    return { text: `gRPC ${grpc}`, traffic: { type: 'http', request } };
  }
  if (method === null && path === null && authority === null) return null;
  const verb = method ?? 'GET';
  if (!/^[!#$%&'*+.^_`|~\w-]{1,40}$/.test(verb)) throw new InvalidInput(`"${verb}" is no HTTP method.`, 'GET, POST, PUT, DELETE, …');
  const where = path ?? '/';
  if (!/^\/[!-~]{0,4000}$/.test(where))
    throw new InvalidInput(
      `"${where}" is no path of a request.`,
      `It begins with / and is written as it is sent: ${words.path} /orders/7?full=1.`,
    );
  const request = { version: 'HTTP/1.1', method: verb, authority: authority ?? 'localhost', path: where, headers: [], grpc: false };
  const at = authority === null ? '' : ` at ${authority}`;
  return { text: `${verb} ${where}${at}`, traffic: { type: 'http', request } };
}
