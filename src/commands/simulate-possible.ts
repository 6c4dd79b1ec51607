/** Everyone and everything that a change of policy may mean, seen or not. */
import type { AccessClient } from '../access/clients.ts';
import { type AccessChange, comparingAccess, getsIn } from '../access/compare.ts';
import { networkChanges } from '../access/network-matrix.ts';
import type { Outcome, Recorded, Replayed } from '../access/replay.ts';
import { parseIdentity, serviceAccountIdentity } from '../policy/identity.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Steps } from '../policy/steps.ts';
import type { Notice } from '../ports.ts';
import { type Add, UNKNOWN_TLS } from './simulate-book.ts';
import { addressOf, showWho } from './who-text.ts';

/** Classes of clients, by name, that no policy means in particular: what it is to let them in. */
export type Strangers = Map<string, string>;

/**
 * Every class of clients by every class of requests, on the ports whose policy changes, and every pair of pods where NetworkPolicy does.
 * Identities that nobody has are left out: nobody is shut out or let in by their end. Where an address is enough, whoever calls from it is one
 * client.
 */
export function* addPossible(
  before: Snapshot,
  after: Snapshot,
  hasNetwork: boolean,
  add: Add,
  notices: Notice[],
  strangers: Strangers,
): Steps<void> {
  const changes = yield* comparingAccess(before, after);
  const cell = ({ at, request, client, before: was, after: now }: AccessChange) =>
    `${at.port} ${at.workloads[0]?.ref.namespace}/${at.workloads[0]?.ref.name} ${client.ip} ${was} ${now} ${request.text}`;
  const anyones = new Set(changes.filter(({ client }) => client.who.type === 'address').map(cell));
  for (const [i, change] of changes.entries()) {
    if (i % CHANGES_OF_A_STEP === 0) yield;
    const { at, client, request } = change;
    const isAnyone = client.pods.length === 0 && client.who.type !== 'node' && anyones.has(cell(change));
    if (isNobody(before, client) || (isAnyone && client.who.type !== 'address')) continue;
    for (const server of new Map(
      at.workloads.map((one) => [one.resource.metadata.ownerReferences?.[0]?.name ?? one.ref.name, one]),
    ).values()) {
      const from = isNamed(client) ? null : addressOf(client);
      const name = isAnyone
        ? `anyone from ${ELSEWHERE.has(client.ip ?? '') ? 'any other address' : client.ip}`
        : `${showWho(client.who, server.ref.namespace)}${from === null ? '' : ` from ${from}`}`;
      const recorded: Recorded = {
        server,
        port: at.port,
        tls: client.tls,
        ip: client.ip,
        pod: client.pods[0] ?? null,
        traffic: request.traffic,
        seen: null,
      };
      add('possible', name, recorded, replayedOf(change), request, null);
      if (client.who.type === 'other-identity') strangers.set(name, 'No policy names it: whoever has such an identity gets in.');
      if (isAnyone && ELSEWHERE.has(client.ip ?? ''))
        strangers.set(name, 'Whoever reaches the port gets in, from anywhere and without an identity.');
    }
  }
  if (!hasNetwork) return;
  const network = networkChanges(before, after);
  if (network === null)
    notices.push({
      where: '',
      message: 'There are too many kinds of pods to try every pair against NetworkPolicy; observed traffic was tried.',
    });
  for (const { who, server, port, before: was, after: now } of network ?? []) {
    const replayed: Replayed = {
      outcome: now === 'undecided' || was === 'undecided' ? 'undecided' : now === 'allow' ? 'newly-allowed' : 'newly-denied',
      before: was === 'allow',
      after: now === 'allow',
      isNetwork: true,
      missing: ['network'],
    };
    const recorded: Recorded = { server, port, tls: UNKNOWN_TLS, ip: null, pod: null, traffic: { type: 'tcp' }, seen: null };
    add('possible', showWho(who, server.ref.namespace), recorded, replayed, { text: 'TCP', traffic: { type: 'tcp' } }, null);
  }
}

const CHANGES_OF_A_STEP = 500;

/** They stand for all addresses that no policy names (RFC 5737, RFC 3849). */
const ELSEWHERE: ReadonlySet<string> = new Set(['198.51.100.1', '2001:db8::1']);

/** By its identity, wherever it calls from. */
function isNamed({ who }: AccessClient): boolean {
  return who.type === 'identity' || who.type === 'other-identity' || who.type === 'service-account';
}

function replayedOf({ before, after }: AccessChange): Replayed {
  const [was, now] = [before === 'undecided' ? null : getsIn(before), after === 'undecided' ? null : getsIn(after)];
  const outcome: Outcome = was === null || now === null ? 'undecided' : was === now ? 'unchanged' : now ? 'newly-allowed' : 'newly-denied';
  return {
    outcome,
    before: was,
    after: now,
    isNetwork: false,
    missing: outcome === 'undecided' ? ['client-address'] : [],
  };
}

function isNobody(snapshot: Snapshot, { who }: AccessClient): boolean {
  const own = who.type === 'identity' ? parseIdentity(who.identity) : null;
  if (who.type !== 'identity' || own === null) return false;
  const isLocal = serviceAccountIdentity(snapshot.info, own.namespace, own.serviceAccount) === who.identity;
  return isLocal && hasServiceAccount(snapshot, own.namespace, own.serviceAccount) === false;
}
