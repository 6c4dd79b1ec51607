/** All kinds of change, and which of them are the way out of a denial. */
import { getsIn } from '../access/compare.ts';
import type { Denied, Law } from '../diagnoses/diagnosis.ts';
import type { Finding, RemedyId } from '../diagnoses/finding.ts';
import { showRef } from '../policy/resource.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { showInstant } from '../policy/time.ts';
import { addIdentity } from './add-identity.ts';
import { attachRoute } from './attach-route.ts';
import { authorizeOnRoute } from './authorize-on-route.ts';
import { authorizeOnServer } from './authorize-on-server.ts';
import { meshClient, raiseLimit, repairAnnotation, restartPods } from './by-hand.ts';
import type { Files } from './change.ts';
import { extendRouteMatch } from './extend-route-match.ts';
import { networkAuthentication } from './network-authentication.ts';
import { ownServiceAccount } from './own-service-account.ts';
import type { Kind, Plea } from './plea.ts';
import { probeRoute } from './probe-route.ts';
import { excessOf } from './proof.ts';
import { proved } from './proved.ts';
import type { Remedy, WayOut } from './remedy.ts';
import { repairIdentity } from './repair-identity.ts';
import { repairProtocol } from './repair-protocol.ts';
import { repairReference } from './repair-reference.ts';
import { repairRoute } from './repair-route.ts';
import { repairSelector } from './repair-selector.ts';
import { revertChange } from './revert-change.ts';
import { scrapeRoute } from './scrape-route.ts';
import { serverForPort } from './server-for-port.ts';

/** Least privilege first. */
const KINDS: readonly Kind[] = [
  repairReference,
  repairIdentity,
  repairSelector,
  repairProtocol,
  repairRoute,
  repairAnnotation,
  attachRoute,
  revertChange,
  probeRoute,
  scrapeRoute,
  extendRouteMatch,
  addIdentity,
  authorizeOnRoute,
  authorizeOnServer,
  serverForPort,
  meshClient,
  ownServiceAccount,
  networkAuthentication,
  restartPods,
  raiseLimit,
];

/** They bring back what was meant, and go before every grant. */
const REPAIRS: ReadonlySet<RemedyId> = new Set([
  'repair-reference',
  'repair-identity',
  'repair-selector',
  'repair-protocol',
  'repair-route',
  'attach-route',
  'revert-change',
]);

/** What may stand where no diagnosis names a kind that can be proved; a client with an identity is never let in by its address. */
const FALLBACKS: readonly RemedyId[] = ['repair-protocol', 'revert-change', 'add-identity', 'authorize-on-route', 'authorize-on-server'];

export interface Ask {
  readonly denied: Denied;
  /** Ranked. */
  readonly findings: readonly Finding[];
  /** The cluster before the change that took the permission away; null: none is known. */
  readonly before: Snapshot | null;
  /** Of the cluster, by the names in origins. */
  readonly files: Files;
  /** Offers a grant where the denial looks deliberate. */
  readonly forceGrant: boolean;
}

const MOST = 5;

export function wayOut(ask: Ask): WayOut {
  const { denied, findings } = ask;
  const { law, now } = denied;
  if (now !== null && getsIn(now.verdict)) return { verdict: 'nothing-to-do', reasons: [allowedSince(denied)], remedies: [] };
  if (law === null || law.port === null || !law.agrees) return { verdict: 'needs-evidence', reasons: missingOf(denied), remedies: [] };
  const deliberate = deliberateIn(findings);
  if (deliberate.length > 0 && !ask.forceGrant) return notAllowed(deliberate);
  const remedies = remediesFor(ask, law, law.port);
  const [first] = remedies;
  if (first === undefined) return nothingProved(denied);
  const withheld = deliberate.map(({ summary }) => `Withheld without --force-grant: ${summary}`);
  const isFix = first.changes.length > 0 && first.tightens === null && first.widens === null && first.id !== 'own-service-account';
  return { verdict: isFix ? 'fix' : 'decide', reasons: withheld, remedies };
}

/** Without looking for remedies: the way out where the denial looks deliberate; null: it does not, or a grant is asked for all the same. */
export function withheld({ denied: { law, now }, findings, forceGrant }: Omit<Ask, 'files'>): WayOut | null {
  const isAllowedNow = now !== null && getsIn(now.verdict);
  if (isAllowedNow || law === null || law.port === null || !law.agrees || forceGrant) return null;
  const deliberate = deliberateIn(findings);
  return deliberate.length === 0 ? null : notAllowed(deliberate);
}

/** One that runs as the shared ServiceAccount gets its own before anybody can say what it may. */
function deliberateIn(findings: readonly Finding[]): readonly Finding[] {
  const isShared = findings.some(({ remedies }) => remedies[0] === 'own-service-account');
  return isShared ? [] : findings.filter(({ remedies, certainty }) => remedies[0] === 'do-not-allow' && certainty !== 'possible');
}

function notAllowed(deliberate: readonly Finding[]): WayOut {
  return { verdict: 'do-not-allow', reasons: deliberate.flatMap(({ summary, todo }) => [summary, todo]), remedies: [] };
}

/**
 * Of one client: where one of its denials looks deliberate, no grant for another stands beside it; what was a slip is repaired all the same.
 * `elsewhere`: what is withheld from it that is not among these; asked only where there is a grant.
 */
export function ofOneClient(ways: readonly (WayOut | null)[], elsewhere: () => WayOut | null): readonly (WayOut | null)[] {
  if (!ways.some(isGrant)) return ways;
  const deliberate = ways.find((way) => way?.verdict === 'do-not-allow') ?? elsewhere();
  return deliberate === null ? ways : ways.map((way) => (isGrant(way) ? deliberate : way));
}

function isGrant(way: WayOut | null): boolean {
  if (way === null || (way.verdict !== 'fix' && way.verdict !== 'decide')) return false;
  const [first] = way.remedies;
  return first === undefined || !REPAIRS.has(first.id);
}

function remediesFor(ask: Ask, law: Law, port: number): readonly Remedy[] {
  const { denied, findings, before } = ask;
  const isListed = (id: RemedyId) => findings.some(({ remedies }) => remedies.includes(id));
  const asked = findings.flatMap((finding) => finding.remedies.map((id) => ({ id, finding })));
  const more = FALLBACKS.filter((id) => !isListed(id)).map((id) => ({ id, finding: null }));
  const found: { readonly remedy: Remedy; readonly rank: number }[] = [];
  for (const [order, { id, finding }] of [...asked, ...more].entries()) {
    const kind = KINDS.find((one) => one.id === id);
    if (kind === undefined) continue;
    const plea: Plea = { denied, law, snapshot: law.snapshot, pod: law.pod, port, before, finding };
    for (const candidate of kind.candidates(plea)) {
      const remedy = proved(plea, id, candidate, ask.files);
      if (remedy === null || found.some((other) => sameChanges(other.remedy, remedy) || standsIn(remedy, other.remedy))) continue;
      found.push({ remedy, rank: rankOf(remedy, order, finding !== null) });
    }
  }
  return found
    .toSorted((a, b) => a.rank - b.rank)
    .slice(0, MOST)
    .map(({ remedy }) => remedy);
}

const TIGHTENING = 3;
/** What lets in more than this is no better than what lets in all. */
const MOST_EXCESS = 1e11;

/** Repairs first, then what lets in nobody else, in the order of the diagnoses; what only stands in for them comes behind, and what shuts anybody out last. */
function rankOf({ id, proof }: Remedy, order: number, isNamed: boolean): number {
  const tier = proof !== null && proof.shutOut.length > 0 ? TIGHTENING : REPAIRS.has(id) ? 0 : isNamed ? 1 : 2;
  const excess = tier === 0 || proof === null ? 0 : Math.min(excessOf(proof), MOST_EXCESS);
  return tier * 1e15 + excess * 1e3 + order;
}

/** What is done by hand stands only where no change of objects does the same. */
function standsIn(advice: Remedy, { id, changes }: Remedy): boolean {
  return advice.changes.length === 0 && id === advice.id && changes.length > 0;
}

function sameChanges(a: Remedy, b: Remedy): boolean {
  if (a.changes.length === 0 || b.changes.length === 0) return a.id === b.id;
  return (
    JSON.stringify(a.changes.map(({ manifest, object }) => [object, manifest])) ===
    JSON.stringify(b.changes.map(({ manifest, object }) => [object, manifest]))
  );
}

function allowedSince({ changed }: Denied): string {
  const repaired = changed?.repaired ?? null;
  if (repaired === null) return 'The policy in force now allows it.';
  const edits = repaired.edits.map(
    ({ object, change, manager }) => `${showRef(object)} was ${change}${manager === null ? '' : ` by ${manager.name}`}`,
  );
  return `Allowed since ${showInstant(repaired.at)}: ${edits.join(', ')}.`;
}

function missingOf({ missing, law }: Denied): readonly string[] {
  if (missing.length > 0) return missing.map(({ what, command }) => (command === null ? what : `${what}: ${command}`));
  return [law !== null && !law.agrees ? 'The objects given do not decide as the proxy did.' : 'The cluster’s objects.'];
}

function nothingProved(denied: Denied): WayOut {
  if (denied.missing.length > 0) return { verdict: 'needs-evidence', reasons: missingOf(denied), remedies: [] };
  return { verdict: 'decide', reasons: ['No narrow change could be proved to let this client in and to shut nobody out.'], remedies: [] };
}
