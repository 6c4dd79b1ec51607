/** No mistake, as it looks: policy did what it is there for. The reasons are said, and a person decides. */
import { isRefusal } from '../evidence/facts.ts';
import { parseIdentity } from '../policy/identity.ts';
import { identityOf } from './closest.ts';
import type { Denied, Diagnosis, Law } from './diagnosis.ts';
import { drafted } from './drafting.ts';
import type { Finding, RemedyId } from './finding.ts';

export const deniedOnPurpose: Diagnosis = {
  id: 'denied-on-purpose',
  title: 'the denial looks deliberate',
  denied(denied, found) {
    const { law, target, now } = denied;
    const isMistake = target.admin || denied.client.ref.node !== null || now !== null || found.some(wasMeantToGetIn);
    if (law?.agrees !== true || !isRefusal(target.kind) || target.kind === 'terminated' || isMistake) return null;
    const reasons = [unknownAddress, manyTargets, sharedAccount, firstOfItsNamespace, adminsOnly].flatMap(
      (ask) => ask(denied, law, found) ?? [],
    );
    if (reasons.length === 0) return null;
    return drafted(denied, {
      certainty: reasons.length > 1 ? 'likely' : 'possible',
      removal: 'unknown',
      summary: `This denial ${reasons.length > 1 ? 'looks' : 'may be'} deliberate: ${reasons.join('; ')}.`,
      required: [],
      observed: '',
      note: '',
      todo: 'Do not let it in before somebody can say what it is and why it needs this. If it does, authorize its own ServiceAccount on the one route it needs.',
      remedies: ['do-not-allow'],
    });
  },
};

/** Changes that undo a slip: where one of them fits, somebody meant the client to get in. */
const OF_MISTAKES: ReadonlySet<RemedyId> = new Set<RemedyId>([
  'repair-reference',
  'repair-identity',
  'repair-selector',
  'repair-protocol',
  'repair-annotation',
  'attach-route',
  'probe-route',
  'scrape-route',
  'extend-route-match',
  'revert-change',
  'restart-pods',
]);

function wasMeantToGetIn({ certainty, remedies: [best] }: Finding): boolean {
  return certainty !== 'possible' && best !== undefined && OF_MISTAKES.has(best);
}

type Reason = (denied: Denied, law: Law, found: readonly Finding[]) => string | null;

const unknownAddress: Reason = ({ client: { ref, tls } }, _law, found) => {
  // What a Service opens to the outside is reached from anywhere.
  if (found.some(({ id, certainty }) => id === 'client-from-outside' && certainty === 'certain')) return null;
  if (ref.ip === null || ref.pod !== null || tls?.state === 'established') return null;
  return `its address ${ref.ip} is that of no pod and no node`;
};

/** A client that is refused by so many things, and let in by none, tries them out. */
const MANY = 3;

const manyTargets: Reason = (denied) => {
  const refused = denied.together.filter(({ target }) => isRefusal(target.kind) && !target.admin);
  const targets = new Set(refused.map(({ target: t }) => JSON.stringify([t.namespace, t.workload, t.port ?? t.server])));
  return targets.size < MANY || wasLetInSomewhere(denied) ? null : `it was refused by ${targets.size} different targets and let in by none`;
};

function wasLetInSomewhere({ seen, client: { ref, ips } }: Denied): boolean {
  return seen.observations.some(({ tls, ip }) => {
    if (tls?.state === 'established') return tls.clientId !== null && tls.clientId === ref.identity;
    return ip !== null && ips.includes(ip);
  });
}

const sharedAccount: Reason = (denied) => {
  const own = identityOf(denied);
  return own?.serviceAccount === 'default' ? `it runs as ServiceAccount ${own.namespace}/default, which any pod there may be` : null;
};

const firstOfItsNamespace: Reason = (denied, { evaluation, pod }) => {
  const namespace = identityOf(denied)?.namespace ?? denied.client.ref.pod?.ref.namespace ?? null;
  if (namespace === null || namespace === pod.ref.namespace) return null;
  const isIts = (identity: string | null) => identity !== null && parseIdentity(identity)?.namespace === namespace;
  const identities = evaluation.considered.flatMap(({ authorization }) => identitiesOf(authorization));
  const seen = denied.seen.observations.some(
    ({ tls, reporter }) => tls?.state === 'established' && isIts(tls.clientId) && reporter.namespace === pod.ref.namespace,
  );
  // Where nobody is listed, nothing was decided about this namespace.
  return identities.length === 0 || identities.some(isIts) || seen
    ? null
    : `it comes from namespace ${namespace}, of which nobody is listed or was seen to be let in here`;
};

function identitiesOf({ authentication }: Law['evaluation']['considered'][number]['authorization']): readonly string[] {
  return authentication.type === 'tls-authenticated' ? authentication.identities : [];
}

const ADMIN = /(?:^|[-.])(?:admins?|administrators?|ops|operators?|root)(?:$|[-.])/;

const adminsOnly: Reason = (denied, { evaluation: { route, considered } }) => {
  if (route === null || route.kind === 'default') return null;
  const accounts = considered
    .flatMap(({ authorization }) => identitiesOf(authorization))
    .map((text) => parseIdentity(text)?.serviceAccount);
  const isAdmin = (account: string | undefined) => account !== undefined && ADMIN.test(account);
  if (accounts.length === 0 || !accounts.every(isAdmin) || isAdmin(identityOf(denied)?.serviceAccount)) return null;
  return `${route.kind} ${route.name} is for ${[...new Set(accounts)].join(', ')} alone`;
};
