/** The kubelet's probes and Prometheus' scrapes get in: a policy that refuses them makes pods unready or blind. */

import { getsIn } from '../access/compare.ts';
import type { EnforcedPort, StandingCaller } from '../access/enforced.ts';
import { PROXY_ADMIN_PORT } from '../access/ports.ts';
import { scrapersIn } from '../access/standing.ts';
import { evaluate } from '../policy/evaluate.ts';
import type { Traffic } from '../policy/evaluation.ts';
import type { Evidence, Judgement, PostureContext, PostureWorkload, Practice } from './practice.ts';
import { counted, evidence, holds, nameOf, objectOf, quoted, showPort } from './wording.ts';

export const probesAndScrapes: Practice = {
  id: 'probes-and-scrapes',
  title: 'probes and scrapes get in',
  judge: (context, namespace) =>
    context.workloadsIn(namespace).flatMap((workload) => (workload.ports.length === 0 ? [] : [judgeOne(context, workload)])),
};

interface Call extends StandingCaller {
  readonly at: EnforcedPort;
}

function judgeOne(context: PostureContext, workload: PostureWorkload): Judgement {
  const name = nameOf(workload);
  const calls = workload.ports.flatMap((at) => at.callers.map((caller): Call => ({ ...caller, at })));
  const shown = calls.map((call) => callEvidence(workload, call));
  const refused = calls.filter((call) => call.answer === 'no' || isOfOtherVersion(call));
  const open = calls.filter(({ answer }) => answer !== 'yes' && answer !== 'no');
  const [scraping, counters] = [countersRead(context, workload, 'allowed'), countersRead(context, workload, 'denied')];
  const lacking = [
    ...(scrapersIn(context.snapshot).length === 0 && scraping.length === 0
      ? [`who scrapes, since no Prometheus is among the objects: ${context.asks.objects('pods', null)}`]
      : []),
    ...(open.length === 0
      ? []
      : [
          `the address of ${[...new Set(open.map(({ name: who }) => who))].join(', ')}, by which it is decided: ${context.asks.objects('pods', null)}`,
        ]),
  ];
  const base = { workload: name, evidence: [...counters, ...scraping, ...shown], lacking };
  const [first] = refused;
  if (first !== undefined)
    return {
      ...base,
      state: refused.length === calls.length ? 'not' : 'partly',
      found: [
        `refused: ${[...new Set(refused.map(({ who, request }) => `${WHO[who]} (${request})`))].join(', ')}`,
        ...(counters.length === 0 ? [] : ['and whoever reads its counters']),
      ].join(', '),
      next: {
        text: isOfOtherVersion(first)
          ? 'proxyProtocol HTTP/1, which takes HTTP/2 of meshed clients too; the page of its diagnosis says why.'
          : 'A grant for its path alone; the page of its diagnosis has it.',
        command: first.isNetwork ? policyCommand(workload, first) : `denywhy explain --id ${pageOf(first)}`,
      },
    };
  if (counters.length > 0)
    return {
      ...{ ...base, state: 'partly' },
      found: 'whoever reads its counters is refused',
      next: {
        text: 'A grant for /metrics on its own port alone, for the Prometheus that scrapes; the page of its diagnosis has it.',
        command: 'denywhy explain --id prometheus-denied',
      },
    };
  if (lacking.length > 0)
    return {
      ...base,
      state: 'unknown',
      found: calls.length === 0 ? 'no probe, and no scrape that is known' : 'none is refused, as far as is known',
      next: null,
    };
  return holds(name, 'each of them gets in', base.evidence);
}

const SCRAPE: Traffic = {
  type: 'http',
  request: { version: 'HTTP/1.1', method: 'GET', authority: `pod:${PROXY_ADMIN_PORT}`, path: '/metrics', headers: [], grpc: false },
};

/**
 * Who was seen to read its counters, or to be refused them, where the policy of today says the same. Nobody but Prometheus has business on the proxy's
 * own port; probes get in by themselves, without an identity.
 */
function countersRead(context: PostureContext, workload: PostureWorkload, how: 'allowed' | 'denied'): readonly Evidence[] {
  const [at] = workload.ports.filter(({ port }) => port === PROXY_ADMIN_PORT);
  const seen = context.seenAt(workload, PROXY_ADMIN_PORT).filter(({ recorded: { seen: was, tls, ip } }) => {
    if (at === undefined || was !== how) return false;
    const { verdict } = evaluate(at.policy, { clientIp: ip, tls }, SCRAPE);
    return how === 'allowed' ? tls?.state === 'established' && getsIn(verdict) : !getsIn(verdict) && verdict !== 'undecided';
  });
  const byClient = Map.groupBy(seen, ({ recorded: { tls, ip } }) =>
    tls?.state === 'established' && tls.clientId !== null ? tls.clientId : (ip ?? 'a client that shows no identity'),
  );
  return [...byClient].map(([client, all]) => {
    const times = counted(
      all.reduce((sum, { count }) => sum + count, 0),
      'time',
    );
    const what = how === 'allowed' ? 'was let in' : 'was refused';
    return { text: `${client} ${what} ${times} on ${showPort(PROXY_ADMIN_PORT, [])}`, source: 'recorded traffic' };
  });
}

/** The kubelet speaks HTTP/1.1, whatever the Server says is spoken (linkerd2-proxy: a Server of HTTP/2 takes nothing else). */
function isOfOtherVersion({ who, at }: Call): boolean {
  return who === 'kubelet' && (at.policy.protocol === 'http2' || at.policy.protocol === 'grpc');
}

function pageOf(call: Call): string {
  if (call.who === 'prometheus') return 'prometheus-denied';
  return isOfOtherVersion(call) ? 'http-version-mismatch' : 'probe-not-allowed';
}

const WHO = { kubelet: 'probes', prometheus: 'scrapes' } as const;

function policyCommand(workload: PostureWorkload, { at }: Call): string {
  return `denywhy policy -n ${quoted(workload.ref.namespace)} ${quoted(`${nameOf(workload)}:${at.port}`)}`;
}

function callEvidence(workload: PostureWorkload, call: Call): Evidence {
  const { name, request, answer, by, isNetwork, at } = call;
  const how = isOfOtherVersion(call)
    ? 'is HTTP/1.1, which a Server of HTTP/2 does not take'
    : answer === 'yes'
      ? `gets in${by === null ? '' : ` by ${by.kind} ${by.name}`}`
      : answer === 'no'
        ? `is refused${isNetwork ? ' by NetworkPolicy' : ''}`
        : 'may or may not get in';
  return evidence(`${request} on ${showPort(at.port, at.names)} from ${name} ${how}`, objectOf(workload));
}
