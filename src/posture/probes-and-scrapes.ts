/** The kubelet's probes and Prometheus' scrapes get in: a policy that refuses them makes pods unready or blind. */
import type { EnforcedPort, StandingCaller } from '../access/enforced.ts';
import { scrapersIn } from '../access/standing.ts';
import type { Evidence, Judgement, PostureContext, PostureWorkload, Practice } from './practice.ts';
import { evidence, holds, nameOf, objectOf, quoted, showPort } from './wording.ts';

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
  const refused = calls.filter(({ answer }) => answer === 'no');
  const open = calls.filter(({ answer }) => answer !== 'yes' && answer !== 'no');
  const lacking = [
    ...(scrapersIn(context.snapshot).length === 0
      ? [`who scrapes, since no Prometheus is among the objects: ${context.asks.objects('pods', null)}`]
      : []),
    ...(open.length === 0 ? [] : [`from where they come: ${[...new Set(open.map(({ name: who }) => who))].join(', ')}`]),
  ];
  const base = { workload: name, evidence: shown, lacking };
  const [first] = refused;
  if (first !== undefined)
    return {
      ...base,
      state: refused.length === calls.length ? 'not' : 'partly',
      found: `refused: ${[...new Set(refused.map(({ who, request }) => `${WHO[who]} (${request})`))].join(', ')}`,
      next: {
        text: 'A grant for its path alone; the page of its diagnosis has it.',
        command: first.isNetwork
          ? policyCommand(workload, first)
          : `denywhy explain --id ${first.who === 'kubelet' ? 'probe-not-allowed' : 'prometheus-denied'}`,
      },
    };
  if (lacking.length > 0)
    return {
      ...base,
      state: 'unknown',
      found: calls.length === 0 ? 'no probe, and no scrape that is known' : 'none is refused, as far as is known',
      next: null,
    };
  return holds(name, 'each of them gets in', shown);
}

const WHO = { kubelet: 'probes', prometheus: 'scrapes' } as const;

function policyCommand(workload: PostureWorkload, { at }: Call): string {
  return `denywhy policy -n ${quoted(workload.ref.namespace)} ${quoted(`${nameOf(workload)}:${at.port}`)}`;
}

function callEvidence(workload: PostureWorkload, { name, request, answer, by, isNetwork, at }: Call): Evidence {
  const how =
    answer === 'yes'
      ? `gets in${by === null ? '' : ` by ${by.kind} ${by.name}`}`
      : answer === 'no'
        ? `is refused${isNetwork ? ' by NetworkPolicy' : ''}`
        : 'may or may not get in';
  return evidence(`${request} on ${showPort(at.port, at.names)} from ${name} ${how}`, objectOf(workload));
}
