/** Grants name who calls: neither everyone, nor somebody who never does. */

import { authorizationsIn } from '../access/clients.ts';
import type { EnforcedPort } from '../access/enforced.ts';
import { parseDefaultPolicy } from '../policy/default-policy.ts';
import { evaluate } from '../policy/evaluate.ts';
import { parseIdentity, suffixMatches } from '../policy/identity.ts';
import type { ClientAuthorization } from '../policy/inbound.ts';
import type { ObjectRef } from '../policy/resource.ts';
import { findResource } from '../policy/snapshot.ts';
import type { Steps } from '../policy/steps.ts';
import { expiryOf } from '../policy/temporary-grant.ts';
import { showInstant } from '../policy/time.ts';
import { idleGrants } from './idle-grants.ts';
import { mayMiss } from './missing-grants.ts';
import { spanOf } from './observed-span.ts';
import type { Evidence, Judgement, PostureContext, PostureWorkload, Practice } from './practice.ts';
import { counted, evidence, evidenceOfRef, holds, nameOf, objectOf, quoted, showPort } from './wording.ts';

export const grantsUsed: Practice = {
  id: 'grants-used',
  title: 'grants name who calls, and nobody else',
  judge: judging,
};

/** A step is one workload. */
function* judging(context: PostureContext, namespace: string): Steps<readonly Judgement[]> {
  const found: Judgement[] = [];
  for (const workload of context.workloadsIn(namespace)) {
    found.push(...judgeOne(context, workload));
    yield;
  }
  return [...found, ...idleGrants(context, namespace)];
}

/** One authorization of one port. */
interface Grant {
  readonly at: EnforcedPort;
  readonly authorization: ClientAuthorization;
}

function judgeOne(context: PostureContext, workload: PostureWorkload): readonly Judgement[] {
  const grants = workload.ports.flatMap((at) => grantsOf(at).map((authorization): Grant => ({ at, authorization })));
  if (grants.length === 0) return [];
  const name = nameOf(workload);
  const wild = grants.flatMap((grant) => wildcardOf(context, workload, grant));
  const expired = grants.flatMap((grant) => expiredOf(context, grant));
  const { unused, lacking } = unusedOf(context, workload, grants);
  const shown = distinct([...expired, ...wild.map(({ shown: one }) => one), ...unused.map(({ shown: one }) => one)]);
  const base = { workload: name, evidence: shown, lacking };
  const simulate = (grant: Grant) => {
    const { kind, name: object } = grant.authorization.ref;
    return `denywhy simulate -n ${quoted(workload.ref.namespace)} --delete ${quoted(`${kind}/${object}`)} --traffic all`;
  };
  const [narrower] = wild.flatMap(({ object, authorization }) => (object === null ? [] : (context.narrowing(object, authorization) ?? [])));
  if (wild.length + expired.length > 0)
    return [
      {
        ...{ ...base, state: wild.length > 0 ? 'not' : 'partly' },
        found: [...(wild.length > 0 ? ['grants by wildcard'] : []), ...(expired.length > 0 ? ['grants that have expired'] : [])].join(', '),
        next:
          narrower === undefined
            ? {
                text: 'Who is let in, by which object; name those who call instead.',
                command: `denywhy policy -n ${quoted(workload.ref.namespace)} ${quoted(name)}`,
              }
            : {
                text: 'Name those who were seen to come instead: the change, and whom it shuts out.',
                command: `denywhy posture -n ${quoted(workload.ref.namespace)} --remedy ${narrower}`,
              },
      },
    ];
  const [first] = unused;
  const missed = unused.find((one) => mayMiss(context, workload, one));
  if (missed !== undefined)
    return [
      {
        ...{ ...base, state: 'partly' },
        found: 'grants that nobody was seen to use, where others are refused: they may miss whom they mean',
        next: {
          text: 'Who is refused there, and which grant nearly lets them in.',
          command: `denywhy explain -n ${quoted(workload.ref.namespace)} ${quoted(name)}`,
        },
      },
    ];
  const [number] = unused.flatMap(({ grant, identity }) => context.withdrawal(grant.authorization, identity) ?? []);
  if (first !== undefined)
    return [
      {
        ...{ ...base, state: lacking.length > 0 ? 'unknown' : 'partly' },
        found: 'grants that nobody was seen to use',
        next:
          number === undefined
            ? { text: 'What its end would deny, before it is taken away.', command: simulate(first.grant) }
            : {
                text: 'Take it away: the change, and whom it shuts out.',
                command: `denywhy posture -n ${quoted(workload.ref.namespace)} --remedy ${number}`,
              },
      },
    ];
  if (lacking.length > 0)
    return [{ ...base, state: 'unknown', found: 'no wildcards; whether each grant is used is not known', next: null }];
  return [
    holds(name, 'no wildcards, and each grant was used', [
      { text: counted(grants.length, 'grant'), source: spanOf(context.observed).text },
    ]),
  ];
}

/** Those that people wrote: objects, and the `accessPolicy` of Servers. Linkerd's own for probes is none, and audit is a practice of its own. */
function grantsOf({ policy }: EnforcedPort): readonly ClientAuthorization[] {
  const isAccessPolicy = ({ kind, name }: ClientAuthorization['ref']) =>
    policy.server !== null && kind === 'default' && name !== 'audit' && parseDefaultPolicy(name) !== null;
  return authorizationsIn(policy).filter(({ object, ref }) => object !== null || isAccessPolicy(ref));
}

interface Wildcard {
  /** The policy, or the Server whose accessPolicy it is. */
  readonly object: ObjectRef | null;
  readonly authorization: ClientAuthorization;
  readonly shown: Evidence;
}

function wildcardOf({ snapshot }: PostureContext, workload: PostureWorkload, { at, authorization }: Grant): readonly Wildcard[] {
  const { authentication, networks, object, ref } = authorization;
  const isEverywhere = networks.some(({ net, except }) => net.prefix === 0 && except.length === 0);
  const isOfCluster = snapshot.info.clusterNetworks.every(({ text }) => networks.some(({ net }) => net.text === text));
  const where = isEverywhere ? '' : ' of the cluster’s networks';
  const words =
    authentication.type !== 'tls-authenticated'
      ? isEverywhere || isOfCluster
        ? [`anyone${authentication.type === 'unauthenticated' ? '' : ' with mesh TLS'}${where}`]
        : []
      : authentication.suffixes.map((suffix) => (suffix === '' ? 'any mesh identity' : showSuffix(suffix)));
  return words.map((who) => {
    const text = `${showPort(at.port, at.names)}: ${ref.kind === 'default' ? `accessPolicy ${ref.name}` : `${ref.kind} ${ref.name}`} lets in ${who}`;
    const by = object ?? at.policy.server;
    return { object: by, authorization, shown: by === null ? evidence(text, objectOf(workload)) : evidenceOfRef(snapshot, text, by) };
  });
}

function showSuffix(suffix: string): string {
  const parsed = parseIdentity(`any${suffix}`);
  return parsed === null ? `every identity *${suffix}` : `every ServiceAccount of namespace ${parsed.namespace}`;
}

function expiredOf({ snapshot, now }: PostureContext, { authorization: { object } }: Grant): readonly Evidence[] {
  const resource = object === null ? null : findResource(snapshot, object);
  const expiry = resource === null ? null : expiryOf(resource);
  if (resource === null || expiry === null || expiry > now) return [];
  return [
    evidence(
      Number.isNaN(expiry) ? 'it was meant for a while, and its time cannot be read' : `it was meant to end ${showInstant(expiry)}`,
      resource,
    ),
  ];
}

interface Unused {
  readonly grant: Grant;
  /** null: nobody was seen to use it. */
  readonly identity: string | null;
  readonly shown: Evidence;
}

function unusedOf(context: PostureContext, workload: PostureWorkload, grants: readonly Grant[]) {
  const { observed } = context;
  const written = grants.filter(({ authorization }) => authorization.object !== null);
  if (written.length === 0) return { unused: [], lacking: [] };
  // What was refused tells of no use: logs without an access log hold nothing else.
  const isSeen = workload.ports.some(({ port }) => context.seenAt(workload, port).some(({ recorded }) => recorded.seen !== 'denied'));
  if (!isSeen) {
    const isOfOthers = observed.traffic.some(({ recorded }) => recorded.seen !== 'denied');
    const text = isOfOthers ? `traffic of ${nameOf(workload)} that got in` : 'traffic that got in';
    return { unused: [], lacking: [`${text}: ${context.asks.traffic}`] };
  }
  const span = spanOf(observed);
  const usesAt = new Map([...new Set(written.map(({ at }) => at))].map((at) => [at, usesOf(context, workload, at)]));
  const unused = written.flatMap((grant): readonly Unused[] => {
    const { object, ref, authentication } = grant.authorization;
    const uses = usesAt.get(grant.at)?.get(keyOf(grant.authorization));
    const who = authentication.type === 'tls-authenticated' ? authentication.identities : [];
    const never =
      uses === undefined
        ? [{ identity: null, text: `${ref.name} was never used` }]
        : uses.has(ANYBODY) || uses.has(MAYBE)
          ? []
          : who.filter((one) => !uses.has(one)).map((identity) => ({ identity, text: `${identity} was never seen` }));
    return never.map(({ identity, text }) => ({
      ...{ grant, identity },
      shown: evidenceOfRef(
        context.snapshot,
        `${showPort(grant.at.port, grant.at.names)}: ${text} ${span.text}`,
        object as NonNullable<typeof object>,
      ),
    }));
  });
  const untold = written.flatMap(({ at, authorization }) => {
    const uses = usesAt.get(at)?.get(keyOf(authorization));
    return uses?.size === 1 && uses.has(MAYBE) ? [authorization.ref.name] : [];
  });
  return {
    unused,
    lacking: [
      ...(unused.length > 0 && span.lacking !== null ? [span.lacking] : []),
      ...(untold.length === 0
        ? []
        : [`whether ${[...new Set(untold)].join(', ')} let anybody in: the addresses of clients tell, and logs have them`]),
    ],
  };
}

/** A use of which nobody knows by whom. */
const ANYBODY = '';
/** What was seen does not tell whether it was this one that let it in. */
const MAYBE = '?';
type Uses = Map<string, Set<string>>;

/** By authorization, the identities that it let in. */
function usesOf(context: PostureContext, workload: PostureWorkload, at: EnforcedPort): Uses {
  const uses: Uses = new Map();
  const use = (authorization: Pick<ClientAuthorization, 'ref'>, identity: string) => {
    const key = keyOf(authorization);
    const known = uses.get(key);
    if (known === undefined) uses.set(key, new Set([identity]));
    else known.add(identity);
  };
  for (const { answer, by } of at.callers) if (answer === 'yes' && by !== null) use({ ref: by }, ANYBODY);
  for (const { recorded } of context.seenAt(workload, at.port)) {
    if (recorded.seen === 'denied') continue;
    const { tls, ip, traffic } = recorded;
    const identity = tls?.state === 'established' ? (tls.clientId ?? ANYBODY) : ANYBODY;
    const { considered } = evaluate(at.policy, { clientIp: ip, tls }, traffic);
    if (considered.length === 0) for (const one of authorizationsIn(at.policy).filter((a) => names(a, identity))) use(one, identity);
    for (const { authorization, applies } of considered) {
      if (applies === 'yes') use(authorization, identity);
      else if (applies !== 'no') use(authorization, MAYBE);
    }
  }
  return uses;
}

function names({ authentication }: ClientAuthorization, identity: string): boolean {
  if (authentication.type !== 'tls-authenticated') return true;
  return authentication.identities.includes(identity) || authentication.suffixes.some((suffix) => suffixMatches(suffix, identity));
}

function keyOf({ ref }: Pick<ClientAuthorization, 'ref'>): string {
  return `${ref.group}/${ref.kind}/${ref.name}`;
}

function distinct(all: readonly Evidence[]): readonly Evidence[] {
  return [...new Map(all.map((one) => [`${one.source}\n${one.text}`, one])).values()];
}
