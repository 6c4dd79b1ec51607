/** Audit is a step on the way: everyone gets in, and who would not is logged. What enforcing would do is said of the traffic that was seen. */

import { getsIn } from '../access/compare.ts';
import type { EnforcedPort } from '../access/enforced.ts';
import { evaluate } from '../policy/evaluate.ts';
import type { InboundServer } from '../policy/inbound.ts';
import { spanOf } from './observed-span.ts';
import type { Evidence, Judgement, NextStep, PostureContext, PostureWorkload, Practice } from './practice.ts';
import { counted, evidence, evidenceOfRef, holds, nameOf, objectOf, quoted, showPort } from './wording.ts';

export const auditEnded: Practice = {
  id: 'audit-ended',
  title: 'nothing is left in audit mode',
  judge(context, namespace) {
    const workloads = context.workloadsIn(namespace).filter(({ ports }) => ports.length > 0);
    if (workloads.length === 0) return [];
    const judged = workloads.flatMap((workload) => {
      const audited = workload.ports.filter(isAudited);
      return audited.length === 0 ? [] : [judgeOne(context, workload, audited)];
    });
    if (judged.length > 0) return judged;
    const shown = workloads.map((workload) => evidence(`none of ${workload.ports.length} ports audits`, objectOf(workload)));
    return [holds(null, 'no Server and no default policy audits', shown)];
  },
};

function isAudited({ policy }: EnforcedPort): boolean {
  return policy.authorizations.some(isAudit);
}

function isAudit({ ref }: InboundServer['authorizations'][number]): boolean {
  return ref.group === '' && ref.kind === 'default' && ref.name === 'audit';
}

interface Refused {
  readonly client: string;
  readonly port: number;
  readonly count: number;
  readonly isSure: boolean;
}

function judgeOne(context: PostureContext, workload: PostureWorkload, ports: readonly EnforcedPort[]): Judgement {
  const seen = ports.flatMap(({ port }) => context.seenAt(workload, port));
  const refused = ports.flatMap((at) => refusedAt(context, workload, at));
  const sure = refused.filter(({ isSure }) => isSure);
  const span = spanOf(context.observed);
  const shown = [...ports.map((at) => auditEvidence(context, workload, at)), ...refused.map((one) => refusedEvidence(one, span.text))];
  const lacking = [
    ...(seen.length === 0 ? [`traffic of ${nameOf(workload)}: ${context.asks.traffic}`] : span.lacking === null ? [] : [span.lacking]),
    ...(sure.length < refused.length ? ['addresses and routes of some clients: logs have them'] : []),
  ];
  const base = { workload: nameOf(workload), evidence: shown, lacking };
  const where = [...new Set(ports.map(({ port, names }) => showPort(port, names)))].join(', ');
  if (sure.length > 0)
    return {
      ...{ ...base, state: 'not' },
      found: `${where} in audit mode: enforcing would refuse ${counted(new Set(sure.map(({ client }) => client)).size, 'client')} that ${new Set(sure.map(({ client }) => client)).size === 1 ? 'calls' : 'call'} today`,
      next: {
        text: 'Grant those who should get in, or look to it that they stop; then enforce.',
        command: `denywhy explain -n ${quoted(workload.ref.namespace)} ${quoted(nameOf(workload))}`,
      },
    };
  if (lacking.length > 0)
    return { ...{ ...base, state: 'partly' }, found: `${where} in audit mode: nobody is known whom enforcing would refuse`, next: null };
  return {
    ...{ ...base, state: 'partly' },
    found: `${where} in audit mode, and ready to enforce: nobody who calls would be refused`,
    next: enforce(context, workload, ports),
  };
}

function enforce(context: PostureContext, { ref }: PostureWorkload, ports: readonly EnforcedPort[]): NextStep {
  const server = ports.find(({ policy }) => policy.server !== null)?.policy.server ?? null;
  if (server === null)
    return {
      text: 'Make deny the default.',
      command: `kubectl annotate --overwrite namespace ${quoted(ref.namespace)} config.linkerd.io/default-inbound-policy=deny`,
    };
  const number = context.enforcing(server);
  if (number !== null)
    return {
      text: 'Enforce it: the change, and whom it shuts out.',
      command: `denywhy posture -n ${quoted(ref.namespace)} --remedy ${number}`,
    };
  return {
    text: 'Enforce it.',
    command: `kubectl patch -n ${quoted(server.namespace)} server.policy.linkerd.io ${quoted(server.name)} --type merge -p '{"spec":{"accessPolicy":"deny"}}'`,
  };
}

/** Who gets in by audit alone: the same traffic put to the policy without it. */
function refusedAt(context: PostureContext, workload: PostureWorkload, { port, policy }: EnforcedPort): readonly Refused[] {
  const enforced: InboundServer = {
    ...policy,
    authorizations: policy.authorizations.filter((one) => !isAudit(one)),
    routes: policy.routes?.map((route) => ({ ...route, authorizations: route.authorizations.filter((one) => !isAudit(one)) })) ?? null,
  };
  const byClient = new Map<string, { client: string; port: number; count: number; isSure: boolean }>();
  for (const { recorded, count } of context.seenAt(workload, port)) {
    if (recorded.seen === 'denied') continue;
    const { tls, ip, traffic } = recorded;
    const { verdict } = evaluate(enforced, { clientIp: ip, tls }, traffic);
    if (getsIn(verdict)) continue;
    const client =
      tls?.state === 'established' && tls.clientId !== null
        ? tls.clientId
        : (ip ?? 'a client that shows no identity, address not observed');
    const isSure = verdict !== 'undecided';
    const key = `${client} ${isSure}`;
    const known = byClient.get(key);
    if (known === undefined) byClient.set(key, { client, port, count, isSure });
    else known.count += count;
  }
  return [...byClient.values()];
}

function auditEvidence({ snapshot }: PostureContext, workload: PostureWorkload, { port, names, policy }: EnforcedPort): Evidence {
  const text = `${showPort(port, names)}: ${policy.server === null ? 'default policy' : 'accessPolicy'} audit`;
  return policy.server === null ? evidence(text, objectOf(workload)) : evidenceOfRef(snapshot, text, policy.server);
}

function refusedEvidence({ client, port, count, isSure }: Refused, span: string): Evidence {
  const times = counted(count, 'request or connection', 'requests and connections');
  return { text: `${client} → ${port}: ${times} that enforcing ${isSure ? 'would' : 'may'} refuse`, source: `traffic ${span}` };
}
