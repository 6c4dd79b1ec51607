/** Holds what a proof says against what the naive replay found: nobody too few, nobody too many, and the same requests. */

import type { Who } from '../../src/access/clients.ts';
import { getsIn } from '../../src/access/compare.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import type { Connection, Verdict } from '../../src/policy/evaluation.ts';
import { parseIdentity, serviceAccountIdentity } from '../../src/policy/identity.ts';
import { hasServiceAccount } from '../../src/policy/service-accounts.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import type { Newcomer, Proof } from '../../src/remedies/remedy.ts';
import { showNewcomer } from '../../src/remedies/wording.ts';
import { areAlike, areNear, type Comer, type Replayed, type Turn } from './naive.ts';

/** Whom the remedy is for. */
export interface Asker {
  /** As it is let in. */
  readonly connection: Connection;
  /** The identity that it comes with today, where that is another. */
  readonly was?: string | null;
  readonly pod: { readonly namespace: string; readonly name: string } | null;
  /** The server's; null: whichever, with whichever port. */
  readonly server: { readonly namespace: string; readonly name: string; readonly port: number } | null;
}

/** What differs, in sentences; empty: the proof says exactly what happens. */
export function differences(proof: Proof, { turns }: Replayed, asker: Asker | null, before: Snapshot): readonly string[] {
  const [own, others] = [true, false].map((isOwn) => turns.filter(({ comer, to }) => to === 'in' && isAsker(comer, asker) === isOwn)) as [
    Turn[],
    Turn[],
  ];
  const replicas = replicasOf(turns, asker);
  const out = turns.filter((turn) => turn.to === 'out' && !isNobody(turn, before) && !isOfProbes(turn));
  const extra = own.filter(
    (turn) =>
      !hadIt(turn, asker) && isMeshed(turn.comer.tls) === isMeshed(asker?.connection.tls ?? null) && !isAsked(turn, asker, proof, replicas),
  );
  return [
    ...compared(
      'lets it in too',
      proof.clientToo,
      extra.filter((turn) => !isOneOfMany(turn, proof, before)),
      before,
    ),
    ...compared('newly lets in', proof.newlyIn, others, before),
    ...compared('shuts out', proof.shutOut, out, before),
  ];
}

/** Of an address that no pod has: all of its kind newly get in, and are named. */
function isOneOfMany(turn: Turn, { newlyIn, clientToo }: Proof, snapshot: Snapshot): boolean {
  const has = (list: readonly Newcomer[]) => list.some((one) => isAt(one, turn) && standsFor(one.who, turn, snapshot));
  return turn.comer.pod === null && has(newlyIn) && !has(clientToo);
}

function compared(label: string, said: readonly Newcomer[], found: readonly Turn[], snapshot: Snapshot): readonly string[] {
  const unsaid = found.filter((turn) => !said.some((one) => isAt(one, turn) && standsFor(one.who, turn, snapshot)));
  const unfound = said.flatMap((one) => {
    const own = found.filter((turn) => isAt(one, turn) && standsFor(one.who, turn, snapshot));
    if (own.length === 0) return [`${label}: ${showNewcomer(one)}: nobody was found`];
    const texts = new Set(own.map(textOf));
    const [more, less] = [
      one.requests.filter((text) => !texts.has(text)),
      [...texts].filter((text) => text !== '' && !one.requests.includes(text)),
    ];
    return more.length === 0 && less.length === 0
      ? []
      : [`${label}: ${showNewcomer(one)}: not found: ${more.join(', ') || '–'}; not said: ${less.join(', ') || '–'}`];
  });
  return [...new Set(unsaid.map((turn) => `${label}: not said: ${showTurn(turn)}`)), ...unfound];
}

function isAt({ namespace, port, server }: Newcomer, turn: Turn): boolean {
  return namespace === turn.namespace && port === turn.port && server === (turn.after.server?.name ?? null);
}

/** Requests beside those of the routes have no text of their own. Where only the version of HTTP stood in the way, the proof says so. */
function textOf({ comer: { ip, tls }, request: { text, traffic }, before, after, to }: Turn): string {
  if (BESIDE.test(text)) return '';
  const isOld = traffic.type === 'http' && traffic.request.version === 'HTTP/1.1' && !isMeshed(tls);
  if (!isOld || to === 'out' || !isHttp2(before) || isHttp2(after)) return text;
  const [was, is] = [before, after].map((policy) => evaluate(policy, { clientIp: ip, tls }, traffic).verdict) as [Verdict, Verdict];
  return getsIn(was) || (was === 'undecided' && is === 'undecided') ? `${text} by HTTP/1.1` : text;
}
const BESIDE = /^(?:recorded$|on )/;

function isHttp2({ protocol }: Turn['before']): boolean {
  return protocol === 'http2' || protocol === 'grpc';
}

function showTurn({ comer: { ip, tls, pod, node }, namespace, server, port, request: { text } }: Turn): string {
  const who =
    tls.state === 'established' ? tls.clientId : (node ?? (pod === null ? 'somebody' : `pod ${pod.ref.namespace}/${pod.ref.name}`));
  return `${who} at ${ip}: ${text} on port ${port} of ${namespace}/${server.ref.name}`;
}

function standsFor(who: Who, { comer, before, after }: Turn, { info }: Snapshot): boolean {
  const id = comer.tls.state === 'established' ? comer.tls.clientId : undefined;
  switch (who.type) {
    case 'service-account':
      return id === serviceAccountIdentity(info, who.namespace, who.name);
    case 'unmeshed':
      return id === undefined && comer.pod?.ref.namespace === who.namespace && comer.pod.serviceAccount === who.serviceAccount;
    case 'node':
      return comer.node === who.name;
    case 'identity':
      // Of a pattern it is an example; of a literal nobody else is alike.
      return id !== undefined && comer.pod === null && areAlike(id, who.identity, [before, after]);
    case 'other-identity':
      return id !== undefined && comer.pod === null && areAlike(id, who.identity, [before, after]);
    case 'address':
      return id === undefined && comer.pod === null && comer.node === null && areNear(comer.ip, who.ip, [before, after]);
  }
}

function isAsker({ ip, tls, pod }: Comer, asker: Asker | null): boolean {
  if (asker === null) return false;
  const { connection, pod: own } = asker;
  const identity = connection.tls?.state === 'established' ? connection.tls.clientId : null;
  if (identity !== null) return tls.state === 'established' && tls.clientId === identity;
  if (own !== null && pod?.ref.namespace === own.namespace && pod.ref.name === own.name) return true;
  return connection.clientIp !== null && ip === connection.clientIp;
}

function isMeshed(tls: Connection['tls']): boolean {
  return tls?.state === 'established';
}

/** On the route on which its request is let in, of whichever replica: that is what was asked for. */
function isAsked(
  { comer, port, namespace, server, request, after }: Turn,
  asker: Asker | null,
  { route }: Proof,
  replicas: Replicas,
): boolean {
  const at = asker?.server ?? null;
  if (at !== null && (port !== at.port || namespace !== at.namespace || !replicas.has(server.ref.name))) return false;
  const now = evaluate(after, { clientIp: comer.ip, tls: comer.tls }, request.traffic);
  return now.route?.name === route?.name && now.route?.kind === route?.kind;
}

/** The names of the pods that have the policy of the asked one, before and after. */
type Replicas = ReadonlySet<string>;

function replicasOf(turns: readonly Turn[], asker: Asker | null): Replicas {
  const at = asker?.server ?? null;
  const beside = at === null ? [] : turns.filter(({ namespace, port }) => namespace === at.namespace && port === at.port);
  const policies = new Map(beside.map(({ server, before, after }) => [server.ref.name, JSON.stringify([before, after])]));
  const own = at === null ? undefined : policies.get(at.name);
  return new Set([...policies].flatMap(([name, text]) => (name === at?.name || text === own ? [name] : [])));
}

function hadIt({ comer: { ip }, request, before }: Turn, asker: Asker | null): boolean {
  const clientId = asker?.was ?? null;
  if (clientId === null) return false;
  return getsIn(evaluate(before, { clientIp: ip, tls: { state: 'established', clientId } }, request.traffic).verdict);
}

/** Of an identity that nobody of this cluster has; or a pod without proxy and address, of which nobody knows. */
function isNobody({ comer: { tls, ip }, isSure }: Turn, snapshot: Snapshot): boolean {
  if (ip === null && !isMeshed(tls) && !isSure) return true;
  const id = tls.state === 'established' && tls.clientId !== null ? parseIdentity(tls.clientId) : null;
  if (id === null || id.trustDomain !== snapshot.info.identityTrustDomain) return false;
  return !snapshot.namespaces.has(id.namespace) || hasServiceAccount(snapshot, id.namespace, id.serviceAccount) === false;
}

/** What Linkerd's own route for probes let in. */
function isOfProbes({ comer: { ip, tls }, request, before }: Turn): boolean {
  const { route } = evaluate(before, { clientIp: ip, tls }, request.traffic);
  return route?.kind === 'default' && route.name === 'probe';
}
